//! Whose tokens are to be trusted: the keys of identity-svc, and the sessions that ended before their tokens expired. Both
//! are kept here, asked for again and again, and at once when an event says that they have changed.

use std::{
    collections::HashMap,
    sync::{
        RwLock,
        atomic::{AtomicI64, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::anyhow;
use async_trait::async_trait;
use chrono::{DateTime, Utc};
use jsonwebtoken::DecodingKey;
use proto::identity::v1::{GetTrustRequest, trust_service_client::TrustServiceClient};
use tokio::sync::{Mutex, Notify};
use tokio_util::sync::CancellationToken;
use tonic::transport::Channel;
use uuid::Uuid;

use super::{CALL_DEADLINE, KeySource, Sessions};
use crate::{Error, Result, grpc};

/// How often a process asks that would hear of every change: for the change of which identity-svc cannot tell.
const ASK_HEARING: Duration = Duration::from_secs(10);
/// How often a process asks that might miss one: what must work within a second is asked for within a second.
const ASK_DEAF: Duration = Duration::from_millis(700);
/// Who neither hears nor has an answer for so long trusts no token.
const STALE: Duration = Duration::from_secs(10);
/// No access token lives longer, in seconds.
const LONGEST_TOKEN_LIFE: i64 = 86_400;
/// Unknown key ids cannot make us ask more often than this.
const UNKNOWN_KEY_INTERVAL: Duration = Duration::from_secs(5);
/// What ended so long before the last answer is asked for again: its transaction may have been under way.
const OVERLAP_MS: i64 = 60_000;

pub(super) struct RemoteTrust {
    client: TrustServiceClient<Channel>,
    keys: RwLock<Option<HashMap<String, DecodingKey>>>,
    /// Each until when it must be remembered.
    ended: RwLock<HashMap<Uuid, DateTime<Utc>>>,
    answered: Mutex<Answered>,
    /// When the last answer was asked for.
    fresh_at: RwLock<Option<Instant>>,
    /// Since when every change is heard of.
    hearing_since: RwLock<Option<Instant>>,
    /// Life of an access token, in seconds.
    token_life: AtomicI64,
    changed: Notify,
    stale: Duration,
}

/// About the answers so far.
#[derive(Default)]
struct Answered {
    /// By the clock of identity-svc's database, in milliseconds since 1970.
    as_of_ms: i64,
    /// When somebody last asked because of an unknown key id.
    asked_for_unknown: Option<Instant>,
}

impl RemoteTrust {
    pub(super) fn new(channel: Channel) -> Self {
        Self {
            client: TrustServiceClient::new(channel),
            keys: RwLock::default(),
            ended: RwLock::default(),
            answered: Mutex::default(),
            fresh_at: RwLock::default(),
            hearing_since: RwLock::default(),
            token_life: AtomicI64::new(LONGEST_TOKEN_LIFE),
            changed: Notify::new(),
            stale: STALE,
        }
    }

    /// Keeps up with identity-svc until stopped.
    pub(super) async fn follow(&self, stop: CancellationToken) {
        while !stop.is_cancelled() {
            let asked = {
                let mut answered = self.answered.lock().await;
                self.ask(&mut answered).await
            };
            if let Err(error) = asked {
                tracing::debug!(%error, "identity-svc does not say whom to trust");
            }
            let pause = if read(&self.hearing_since).is_some() {
                ASK_HEARING
            } else {
                ASK_DEAF
            };
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = self.changed.notified() => {}
                () = stop.cancelled() => return,
            }
        }
    }

    pub(super) fn set_hearing(&self, hearing: bool) {
        *write(&self.hearing_since) = hearing.then(Instant::now);
        // Whoever hears again may have missed something, and who is deaf asks more often.
        self.changed.notify_one();
    }

    /// Keys are others than before.
    pub(super) fn keys_changed(&self) {
        self.changed.notify_one();
    }

    /// These sessions ended a moment ago.
    pub(super) fn sessions_ended(&self, sessions: impl IntoIterator<Item = Uuid>) {
        // The last of their tokens has expired by then, also by a clock that is a little behind.
        let life = self.token_life.load(Ordering::Relaxed) + 60;
        let forget_at = Utc::now() + chrono::Duration::seconds(life);
        write(&self.ended).extend(sessions.into_iter().map(|session| (session, forget_at)));
    }

    async fn ask(&self, answered: &mut Answered) -> Result<()> {
        let request = GetTrustRequest {
            ended_after_ms: (answered.as_of_ms - OVERLAP_MS).max(0),
        };
        let asked_at = Instant::now();
        let answer = self
            .client
            .clone()
            .get_trust(grpc::request(request, CALL_DEADLINE))
            .await
            .map_err(|status| {
                let code = status.code();
                Error::unavailable(anyhow!("identity-svc was asked for its keys: {code:?}"))
            })?
            .into_inner();
        let keys = answer
            .keys
            .iter()
            .map(|key| (key.kid.clone(), DecodingKey::from_ed_der(&key.ed25519)))
            .collect();
        *write(&self.keys) = Some(keys);
        let life = answer.access_token_seconds.clamp(0, LONGEST_TOKEN_LIFE);
        self.token_life.store(life, Ordering::Relaxed);
        let sessions = answer.ended.iter();
        self.sessions_ended(sessions.filter_map(|session| Uuid::from_slice(&session.id).ok()));
        let now = Utc::now();
        write(&self.ended).retain(|_, forget_at| *forget_at > now);
        answered.as_of_ms = answer.as_of_ms;
        *write(&self.fresh_at) = Some(asked_at);
        Ok(())
    }

    /// Whether every change until a moment ago is known here.
    fn is_fresh(&self) -> bool {
        let Some(fresh_at) = *read(&self.fresh_at) else {
            return false;
        };
        // What happened before it could be heard of must have been asked for since.
        let heard_all = read(&self.hearing_since).is_some_and(|since| since <= fresh_at);
        heard_all || fresh_at.elapsed() < self.stale
    }

    fn known_key(&self, kid: &str) -> Option<DecodingKey> {
        read(&self.keys).as_ref()?.get(kid).cloned()
    }
}

#[async_trait]
impl KeySource for RemoteTrust {
    async fn key(&self, kid: &str) -> Result<Option<DecodingKey>> {
        if let Some(key) = self.known_key(kid) {
            return Ok(Some(key));
        }
        // One question serves all who wait for its answer, and those whose keys are known do not wait.
        let mut answered = self.answered.lock().await;
        if let Some(key) = self.known_key(kid) {
            return Ok(Some(key));
        }
        let known = read(&self.keys).is_some();
        // Failures count too: made-up key ids must not make us ask without end. But before the first answer every request
        // waits for it.
        let lately = answered
            .asked_for_unknown
            .is_some_and(|at| at.elapsed() < UNKNOWN_KEY_INTERVAL);
        if known && lately {
            return Ok(None);
        }
        if known {
            answered.asked_for_unknown = Some(Instant::now());
        }
        self.ask(&mut answered).await?;
        Ok(self.known_key(kid))
    }
}

#[async_trait]
impl Sessions for RemoteTrust {
    async fn has_ended(&self, session: Uuid) -> Result<bool> {
        if !self.is_fresh() {
            return Err(Error::unavailable(anyhow!(
                "neither RabbitMQ nor identity-svc tells which sessions have ended"
            )));
        }
        Ok(read(&self.ended).contains_key(&session))
    }
}

// Nobody panics while holding one of these locks, and what they guard is whole at any time.

fn read<T>(lock: &RwLock<T>) -> std::sync::RwLockReadGuard<'_, T> {
    lock.read()
        .unwrap_or_else(std::sync::PoisonError::into_inner)
}

fn write<T>(lock: &RwLock<T>) -> std::sync::RwLockWriteGuard<'_, T> {
    lock.write()
        .unwrap_or_else(std::sync::PoisonError::into_inner)
}

#[cfg(test)]
#[path = "trust_tests.rs"]
mod tests;
