use async_trait::async_trait;
use chassis::Result;
use sqlx::PgPool;

use crate::{
    application::ports::{CatalogueViews, MovementView, ProductFilter, ProductView},
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
        filter: &ProductFilter,
        after: Option<&str>,
        limit: i64,
    ) -> Result<Vec<ProductView>> {
        // PostgreSQL plans this for each call's filters: a plan for all of them it would find too dear. So an index of
        // trigrams serves a rare text, that of the order a frequent one.
        let products = sqlx::query_as!(
            ProductView,
            r#"select sku, name, category, price, currency, version, on_hand, reserved, low_threshold, backorder_limit,
                      greatest(on_hand + backorder_limit - reserved, 0) as "available!", created_at, updated_at
                 from (select * from read_model.products
                        where ($1::text is null or sku > $1)
                          and ($2::text is null or name ilike '%' || $2 || '%' or upper(sku) like upper($2) || '%')
                          and ($3::text is null or upper(sku) like upper($3) || '%')
                          and ($4::text is null or category = $4)
                          and ($5::bool is null or in_stock = $5)
                        order by sku limit $6) as listed
                 join stock using (sku)
                order by sku"#,
            after,
            filter.text.as_deref().map(letters),
            filter.sku_prefix.as_deref().map(letters),
            filter.category.as_ref().map(|category| category.as_str()),
            filter.in_stock,
            limit,
        )
        .fetch_all(&self.pool)
        .await?;
        Ok(products)
    }

    async fn stock(&self, sku: &Sku) -> Result<Option<Levels>> {
        let levels = sqlx::query_as!(
            Levels,
            "select on_hand, reserved, backorder_limit, low_threshold, low from stock where sku = $1",
            sku.as_str()
        )
        .fetch_optional(&self.pool)
        .await?;
        Ok(levels)
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
            r#"select sku, name, category, price, currency, version, on_hand, reserved, low_threshold, backorder_limit,
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

/// A text as a pattern: `%` and `_` in it are letters, not wildcards.
fn letters(text: &str) -> String {
    text.replace('\\', "\\\\")
        .replace('%', "\\%")
        .replace('_', "\\_")
}
