use async_trait::async_trait;
use chassis::Result;
use sqlx::PgPool;
use uuid::Uuid;

use crate::application::{
    OrderView,
    ports::{Filter, OrderViews},
};

/// Reads the read models, and nothing else.
pub struct PgOrderViews {
    pool: PgPool,
}

impl PgOrderViews {
    #[must_use]
    pub fn new(pool: PgPool) -> Self {
        Self { pool }
    }
}

#[async_trait]
impl OrderViews for PgOrderViews {
    async fn order(&self, id: Uuid, owner: Option<Uuid>) -> Result<Option<OrderView>> {
        let document = sqlx::query_scalar!(
            "select document from read_model.orders
              where order_id = $1 and ($2::uuid is null or customer_id = $2)",
            id,
            owner,
        )
        .fetch_optional(&self.pool)
        .await?;
        Ok(document.map(serde_json::from_value).transpose()?)
    }

    async fn orders(&self, filter: &Filter) -> Result<Vec<OrderView>> {
        let (after_time, after_id) = filter.after.unzip();
        let documents = sqlx::query_scalar!(
            "select document from read_model.orders
              where ($1::uuid is null or customer_id = $1)
                and ($2::text is null or status = $2)
                and ($3::timestamptz is null or placed_at >= $3)
                and ($4::timestamptz is null or placed_at < $4)
                and ($5::timestamptz is null or (placed_at, order_id) < ($5, $6::uuid))
              order by placed_at desc, order_id desc
              limit $7",
            filter.owner,
            filter.status.map(crate::domain::Status::as_str),
            filter.from,
            filter.to,
            after_time,
            after_id,
            filter.limit,
        )
        .fetch_all(&self.pool)
        .await?;
        documents
            .into_iter()
            .map(|document| Ok(serde_json::from_value(document)?))
            .collect()
    }

    async fn version(&self, id: Uuid) -> Result<Option<i64>> {
        let version = sqlx::query_scalar!(
            "select version from read_model.orders where order_id = $1",
            id
        )
        .fetch_optional(&self.pool)
        .await?;
        Ok(version)
    }
}
