use std::{sync::Arc, time::Duration};

use chassis::Result;
use moka::sync::Cache;
use tokio::time::Instant;
use uuid::Uuid;

use super::ports::OrderViews;

/// How long a reader waits for the read model, which follows by way of RabbitMQ.
const PATIENCE: Duration = Duration::from_secs(2);
/// Between two looks, at first; later longer, so that many readers are no burden while the read model is far behind.
const FIRST_STEP: Duration = Duration::from_millis(5);
const LONGEST_STEP: Duration = Duration::from_millis(80);
/// How long a write is remembered: well beyond what the read model usually lags.
const MEMORY: Duration = Duration::from_secs(60);

/// A reader's wait for what was written, for a bounded time.
pub(super) struct Patience {
    since: Instant,
    step: Duration,
}

impl Patience {
    pub fn new() -> Self {
        Self {
            since: Instant::now(),
            step: FIRST_STEP,
        }
    }

    /// Waits a little; false when it has been enough.
    pub async fn wait(&mut self) -> bool {
        if self.since.elapsed() > PATIENCE {
            return false;
        }
        tokio::time::sleep(self.step).await;
        self.step = LONGEST_STEP.min(self.step * 2);
        true
    }
}

/// Remembers what each customer has written last by way of this process, so that their list shows it. A single order needs
/// no memory: the query sees how far it is.
#[derive(Clone)]
pub struct Freshness {
    latest_of: Cache<Uuid, (Uuid, i64)>,
}

impl Default for Freshness {
    fn default() -> Self {
        let latest_of = Cache::builder()
            .max_capacity(100_000)
            .time_to_live(MEMORY)
            .build();
        Self { latest_of }
    }
}

impl Freshness {
    /// Notes a write.
    pub fn note(&self, customer_id: Uuid, order_id: Uuid, version: i64) {
        self.latest_of.insert(customer_id, (order_id, version));
    }

    /// Waits until the view shows what this customer has written last. False: it does not yet.
    pub async fn of_customer(
        &self,
        views: &Arc<dyn OrderViews>,
        customer_id: Uuid,
    ) -> Result<bool> {
        let Some((order_id, written)) = self.latest_of.get(&customer_id) else {
            return Ok(true);
        };
        let mut patience = Patience::new();
        loop {
            let shown = views.version(order_id).await?;
            if shown.is_some_and(|shown| shown >= written) {
                return Ok(true);
            }
            if !patience.wait().await {
                return Ok(false);
            }
        }
    }
}
