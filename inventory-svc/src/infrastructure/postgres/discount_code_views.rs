use async_trait::async_trait;
use chassis::Result;
use sqlx::{PgExecutor, PgPool};
use uuid::Uuid;

use crate::{
    application::ports::{
        CodeBatchView, CodeFilter, CodeUsage, DiscountCodeView, DiscountCodeViews,
    },
    domain::Code,
};

pub struct PgDiscountCodeViews {
    pool: PgPool,
}

impl PgDiscountCodeViews {
    #[must_use]
    pub fn new(pool: PgPool) -> Self {
        Self { pool }
    }
}

#[async_trait]
impl DiscountCodeViews for PgDiscountCodeViews {
    async fn code(&self, wanted: &Code) -> Result<Option<DiscountCodeView>> {
        code(&self.pool, wanted).await
    }

    async fn codes(
        &self,
        filter: &CodeFilter,
        after: Option<&str>,
        limit: i64,
    ) -> Result<Vec<DiscountCodeView>> {
        // Two statements, each with an index of its own. `starts_with` knows no wildcards: `_` is a letter of a code.
        let codes = match filter.batch_id {
            None => {
                sqlx::query_as!(
                    DiscountCodeView,
                    "select code, kind, value, max_discount, min_subtotal, skus, category, starts_at, ends_at, max_uses,
                            max_uses_per_customer, active, used, batch_id, version, created_at, updated_at
                       from discount_codes
                      where not removed and ($1::text is null or code > $1)
                        and ($2::text is null or starts_with(upper(code), upper($2)))
                        and ($3::boolean is null or active = $3)
                        and batch_id is null
                      order by code limit $4",
                    after,
                    filter.beginning,
                    filter.active,
                    limit,
                )
                .fetch_all(&self.pool)
                .await?
            }
            Some(batch_id) => {
                sqlx::query_as!(
                    DiscountCodeView,
                    "select code, kind, value, max_discount, min_subtotal, skus, category, starts_at, ends_at, max_uses,
                            max_uses_per_customer, active, used, batch_id, version, created_at, updated_at
                       from discount_codes
                      where not removed and ($1::text is null or code > $1)
                        and ($2::text is null or starts_with(upper(code), upper($2)))
                        and ($3::boolean is null or active = $3)
                        and batch_id = $5
                      order by code limit $4",
                    after,
                    filter.beginning,
                    filter.active,
                    limit,
                    batch_id,
                )
                .fetch_all(&self.pool)
                .await?
            }
        };
        Ok(codes)
    }

    async fn batch(&self, id: Uuid) -> Result<Option<CodeBatchView>> {
        batch(&self.pool, id).await
    }

    async fn batches(&self, before: Option<Uuid>, limit: i64) -> Result<Vec<CodeBatchView>> {
        // Their ids are in the order of time.
        let batches = sqlx::query_as!(
            CodeBatchView,
            r#"select id, prefix, size::bigint as "size!", created_at,
                      (select count(*) from discount_codes c where c.batch_id = b.id and c.used > 0) as "used!"
                 from code_batches b
                where $1::uuid is null or id < $1
                order by id desc limit $2"#,
            before,
            limit,
        )
        .fetch_all(&self.pool)
        .await?;
        Ok(batches)
    }

    async fn codes_of_batch(&self, id: Uuid) -> Result<Vec<CodeUsage>> {
        let codes = sqlx::query_as!(
            CodeUsage,
            "select code, used from discount_codes where batch_id = $1 and not removed order by code",
            id
        )
        .fetch_all(&self.pool)
        .await?;
        Ok(codes)
    }
}

/// The code as it stands.
pub(super) async fn code(
    db: impl PgExecutor<'_>,
    wanted: &Code,
) -> Result<Option<DiscountCodeView>> {
    let found = sqlx::query_as!(
        DiscountCodeView,
        "select code, kind, value, max_discount, min_subtotal, skus, category, starts_at, ends_at, max_uses,
                max_uses_per_customer, active, used, batch_id, version, created_at, updated_at
           from discount_codes
          where upper(code) = $1 and not removed",
        wanted.lookup()
    )
    .fetch_optional(db)
    .await?;
    Ok(found)
}

/// The batch as it stands.
pub(super) async fn batch(db: impl PgExecutor<'_>, id: Uuid) -> Result<Option<CodeBatchView>> {
    let found = sqlx::query_as!(
        CodeBatchView,
        r#"select id, prefix, size::bigint as "size!", created_at,
                  (select count(*) from discount_codes c where c.batch_id = b.id and c.used > 0) as "used!"
             from code_batches b
            where id = $1"#,
        id
    )
    .fetch_optional(db)
    .await?;
    Ok(found)
}
