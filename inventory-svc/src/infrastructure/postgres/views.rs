use async_trait::async_trait;
use chassis::Result;
use sqlx::PgPool;

use crate::{
    application::ports::{CatalogueViews, MovementView, ProductView, StockLevels},
    domain::{Levels, Sku},
};

pub struct PgCatalogueViews {
    pool: PgPool,
}

impl PgCatalogueViews {
    #[must_use]
    pub fn new(pool: PgPool) -> Self {
        Self { pool }
    }
}

#[async_trait]
impl CatalogueViews for PgCatalogueViews {
    async fn product(&self, sku: &Sku) -> Result<Option<ProductView>> {
        let mut found = self.availability(&[sku.to_string()]).await?;
        Ok(found.pop())
    }

    async fn products(
        &self,
        search: Option<&str>,
        after: Option<&str>,
        limit: i64,
    ) -> Result<Vec<ProductView>> {
        // `%` and `_` of the search are letters, not wildcards.
        let pattern = search.map(|text| {
            text.replace('\\', "\\\\")
                .replace('%', "\\%")
                .replace('_', "\\_")
        });
        let products = sqlx::query_as!(
            ProductView,
            r#"select sku, name, price, currency, version, on_hand, reserved,
                      greatest(on_hand + backorder_limit - reserved, 0) as "available!", created_at, updated_at
                 from products join stock using (sku)
                where active and ($1::text is null or sku > $1)
                  and ($2::text is null or name ilike '%' || $2 || '%' or sku ilike $2 || '%')
                order by sku limit $3"#,
            after,
            pattern,
            limit,
        )
        .fetch_all(&self.pool)
        .await?;
        Ok(products)
    }

    async fn stock(&self, sku: &Sku) -> Result<Option<StockLevels>> {
        let levels = sqlx::query_as!(
            Levels,
            "select on_hand, reserved, backorder_limit from stock where sku = $1",
            sku.as_str()
        )
        .fetch_optional(&self.pool)
        .await?;
        Ok(levels.map(StockLevels::from))
    }

    async fn movements(
        &self,
        sku: &Sku,
        before: Option<i64>,
        limit: i64,
    ) -> Result<Vec<MovementView>> {
        let movements = sqlx::query_as!(
            MovementView,
            "select id, kind, on_hand_delta, reserved_delta, order_id, reason, actor, at
               from stock_movements
              where sku = $1 and ($2::bigint is null or id < $2)
              order by id desc limit $3",
            sku.as_str(),
            before,
            limit,
        )
        .fetch_all(&self.pool)
        .await?;
        Ok(movements)
    }

    async fn availability(&self, skus: &[String]) -> Result<Vec<ProductView>> {
        let products = sqlx::query_as!(
            ProductView,
            r#"select sku, name, price, currency, version, on_hand, reserved,
                      greatest(on_hand + backorder_limit - reserved, 0) as "available!", created_at, updated_at
                 from products join stock using (sku)
                where active and sku = any($1)
                order by sku"#,
            skus,
        )
        .fetch_all(&self.pool)
        .await?;
        Ok(products)
    }
}
