use std::time::Duration;

use async_trait::async_trait;
use chassis::Result;
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use super::{events::order_data, orders::load};
use crate::{
    application::ports::{Keeping, KeepingViews},
    domain::Order,
};

/// So that an order and its lines are of one moment.
pub(super) const SNAPSHOT: &str = "begin isolation level repeatable read read only";

/// Reads the orders themselves: what is compared with them must not be a copy.
pub struct PgKeepingViews {
    pool: PgPool,
}

impl PgKeepingViews {
    #[must_use]
    pub fn new(pool: PgPool) -> Self {
        Self { pool }
    }
}

#[async_trait]
impl KeepingViews for PgKeepingViews {
    async fn page(
        &self,
        after: Option<Uuid>,
        limit: i64,
        settle: Duration,
    ) -> Result<Vec<Keeping>> {
        let mut tx = self.pool.begin_with(SNAPSHOT).await?;
        settled_orders(&mut tx, after, limit, settle)
            .await?
            .iter()
            .map(|order| {
                Ok(Keeping {
                    order_id: order.id,
                    order_data: serde_json::to_vec(&order_data(order))?,
                })
            })
            .collect()
    }
}

/// Orders by id, after `after`, that have not changed for so long; zero: all.
pub(super) async fn settled_orders(
    tx: &mut PgConnection,
    after: Option<Uuid>,
    limit: i64,
    settle: Duration,
) -> Result<Vec<Order>> {
    // Not by the clock alone, where all are asked for: that of whoever wrote the order may be ahead.
    let ids = sqlx::query_scalar!(
        "select id from orders
          where ($1::uuid is null or id > $1)
            and ($3::float8 = 0 or updated_at < clock_timestamp() - make_interval(secs => $3))
          order by id limit $2",
        after,
        limit,
        settle.as_secs_f64(),
    )
    .fetch_all(&mut *tx)
    .await?;
    load(tx, &ids).await
}
