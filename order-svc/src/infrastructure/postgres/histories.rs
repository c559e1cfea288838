use async_trait::async_trait;
use chassis::{Error, Result};
use proto::events::order::OrderData;
use sqlx::PgPool;
use uuid::Uuid;

use super::events::status;
use crate::application::ports::{HistoryViews, LoggedEvent};

/// Reads the log of what happened to orders.
pub struct PgHistoryViews {
    pool: PgPool,
}

impl PgHistoryViews {
    #[must_use]
    pub fn new(pool: PgPool) -> Self {
        Self { pool }
    }
}

#[async_trait]
impl HistoryViews for PgHistoryViews {
    async fn history(&self, order_id: Uuid, owner: Option<Uuid>) -> Result<Vec<LoggedEvent>> {
        let rows = sqlx::query!(
            "select e.version, e.kind, e.actor, e.occurred_at, e.data
               from order_events e join orders o on o.id = e.order_id
              where e.order_id = $1 and ($2::uuid is null or o.customer_id = $2)
              order by e.version",
            order_id,
            owner,
        )
        .fetch_all(&self.pool)
        .await?;
        rows.into_iter()
            .map(|row| {
                let order: OrderData =
                    serde_json::from_slice(&row.data).map_err(Error::internal)?;
                Ok(LoggedEvent {
                    version: row.version,
                    kind: row.kind,
                    at: row.occurred_at,
                    actor: row.actor,
                    customer_id: order.customer_id,
                    status: status(order.status).as_str().to_owned(),
                    total: order.total,
                    refunded: order.refunded,
                    reason: order.reason,
                })
            })
            .collect()
    }
}
