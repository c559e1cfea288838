//! Windows that all replicas share, in Redis.

use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use anyhow::Context as _;
use chassis::config::Secret;
use redis::{
    Client, Script,
    aio::{ConnectionManager, ConnectionManagerConfig},
};
use tokio::sync::OnceCell;

use super::{Counter, Window};

/// A request does not wait longer for its number.
const PATIENCE: Duration = Duration::from_secs(1);
/// For so long after a failure each replica counts by itself.
const PAUSE: Duration = Duration::from_secs(1);

/// Counts a call. One script, so that no window is left without an end.
const COUNT: &str = "
local count = redis.call('INCR', KEYS[1])
if count == 1 then redis.call('PEXPIRE', KEYS[1], ARGV[1]) end
return {count, redis.call('PTTL', KEYS[1])}";

pub(super) struct Windows {
    client: Client,
    connection: OnceCell<ConnectionManager>,
    script: Script,
    failed_at: Mutex<Option<Instant>>,
}

impl Windows {
    /// # Errors
    /// When the address is none.
    pub(super) fn new(url: &Secret) -> anyhow::Result<Self> {
        // Not the library's own words: they may quote the address, and with it the password.
        let client = Client::open(url.expose())
            .ok()
            .context("GATEWAY_REDIS_URL: expected redis://HOST:PORT/DATABASE")?;
        Ok(Self {
            client,
            connection: OnceCell::new(),
            script: Script::new(COUNT),
            failed_at: Mutex::new(None),
        })
    }

    /// None while Redis does not answer.
    pub(super) async fn count(&self, counter: &Counter, per: Duration) -> Option<Window> {
        if self.failed_lately() {
            return None;
        }
        let counted = tokio::time::timeout(PATIENCE, self.try_count(counter, per));
        let outcome = match counted.await {
            Ok(Ok(window)) => Ok(window),
            Ok(Err(error)) => Err(error.to_string()),
            Err(_) => Err("no answer in time".to_owned()),
        };
        let mut failed_at = self
            .failed_at
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        match outcome {
            Ok(window) => {
                if failed_at.take().is_some() {
                    tracing::info!("Redis counts again for all replicas");
                }
                Some(window)
            }
            Err(error) => {
                if failed_at.replace(Instant::now()).is_none() {
                    tracing::warn!(error, "Redis does not count; each replica does by itself");
                }
                None
            }
        }
    }

    fn failed_lately(&self) -> bool {
        let failed_at = self
            .failed_at
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        failed_at.is_some_and(|at| at.elapsed() < PAUSE)
    }

    async fn try_count(&self, counter: &Counter, per: Duration) -> redis::RedisResult<Window> {
        let connect = || {
            // Who waits for it has given up by then; the next ones find it made.
            let config = ConnectionManagerConfig::new()
                .set_connection_timeout(Some(PAUSE))
                .set_response_timeout(Some(PATIENCE));
            ConnectionManager::new_lazy_with_config(self.client.clone(), config)
        };
        let mut connection = self
            .connection
            .get_or_try_init(async || connect())
            .await?
            .clone();
        let Counter { who, route, quota } = counter;
        let (count, left): (u64, i64) = self
            .script
            .key(format!("easyorder:limit:{quota}:{route}:{who}"))
            .arg(u64::try_from(per.as_millis()).unwrap_or(u64::MAX))
            .invoke_async(&mut connection)
            .await?;
        Ok(Window {
            count,
            left: Duration::from_millis(left.max(0).unsigned_abs()),
        })
    }
}
