use std::{sync::Arc, time::Duration};

use chassis::Result;
use moka::sync::Cache;
use uuid::Uuid;

use super::ports::OrderViews;

/// Remembers what this process has written a moment ago, so that who wrote it also reads it, although the read model
/// follows by way of RabbitMQ. It waits, for a bounded time; it never reads the write model.
#[derive(Clone)]
pub struct Freshness {
    versions: Cache<Uuid, i64>,
    latest_of: Cache<Uuid, Uuid>,
}

/// How long a write is remembered: well beyond what the read model usually lags.
const MEMORY: Duration = Duration::from_secs(60);
/// How long a reader waits for it.
const PATIENCE: Duration = Duration::from_secs(2);
const STEP: Duration = Duration::from_millis(10);

impl Default for Freshness {
    fn default() -> Self {
        Self {
            versions: memory(),
            latest_of: memory(),
        }
    }
}

fn memory<V: Clone + Send + Sync + 'static>() -> Cache<Uuid, V> {
    Cache::builder()
        .max_capacity(100_000)
        .time_to_live(MEMORY)
        .build()
}

impl Freshness {
    /// Notes a write.
    pub fn note(&self, customer_id: Uuid, order_id: Uuid, version: i64) {
        self.versions.insert(order_id, version);
        self.latest_of.insert(customer_id, order_id);
    }

    /// Waits until the view shows what was written of this order. False: it does not yet.
    pub async fn of_order(&self, views: &Arc<dyn OrderViews>, order_id: Uuid) -> Result<bool> {
        let Some(expected) = self.versions.get(&order_id) else {
            return Ok(true);
        };
        let started = tokio::time::Instant::now();
        loop {
            if views
                .version(order_id)
                .await?
                .is_some_and(|shown| shown >= expected)
            {
                return Ok(true);
            }
            if started.elapsed() > PATIENCE {
                return Ok(false);
            }
            tokio::time::sleep(STEP).await;
        }
    }

    /// Whether this version of the order is older than what was written; `None`: the view does not show the order.
    #[must_use]
    pub fn is_ahead_of(&self, order_id: Uuid, shown: Option<i64>) -> bool {
        self.versions
            .get(&order_id)
            .is_some_and(|expected| shown.is_none_or(|shown| shown < expected))
    }

    /// The same for what this customer has written last.
    pub async fn of_customer(
        &self,
        views: &Arc<dyn OrderViews>,
        customer_id: Uuid,
    ) -> Result<bool> {
        match self.latest_of.get(&customer_id) {
            Some(order_id) => self.of_order(views, order_id).await,
            None => Ok(true),
        }
    }
}
