use async_trait::async_trait;
use chassis::{
    Code as ErrorCode, Error, Result,
    idempotency::{Answer, Once},
};
use sqlx::{PgConnection, PgPool};

use super::discount_code_views::{batch, code as find};
use crate::{
    application::ports::{CodeBatchView, DiscountCodeView, DiscountCodes, NewCodeBatch},
    domain::{Code, DiscountCode, Terms, TermsChange},
};

pub struct PgDiscountCodes {
    pool: PgPool,
}

impl PgDiscountCodes {
    #[must_use]
    pub fn new(pool: PgPool) -> Self {
        Self { pool }
    }
}

#[async_trait]
impl DiscountCodes for PgDiscountCodes {
    async fn create(
        &self,
        code: &Code,
        terms: &Terms,
        once: Option<&Once>,
    ) -> Result<Answer<DiscountCodeView>> {
        let mut tx = self.pool.begin().await?;
        if let Some(once) = once
            && let Some(answer) = once.claim(&mut tx).await?
        {
            return Ok(Answer::again(answer));
        }
        let draft = terms.draft();
        let written = sqlx::query!(
            "insert into discount_codes (code, kind, value, max_discount, min_subtotal, skus, category,
                                         starts_at, ends_at, max_uses, max_uses_per_customer, active)
             values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
             on conflict do nothing",
            code.as_str(),
            draft.kind,
            draft.value,
            draft.max_discount,
            draft.min_subtotal,
            draft.skus.as_deref(),
            draft.category,
            draft.starts_at,
            draft.ends_at,
            draft.max_uses,
            draft.max_uses_per_customer,
            draft.active,
        )
        .execute(&mut *tx)
        .await?
        .rows_affected();
        if written == 0 {
            return Err(taken(&mut tx, code).await?);
        }
        let view = find(&mut *tx, code).await?.ok_or_else(unknown)?;
        if let Some(once) = once {
            once.keep(&mut tx, &view).await?;
        }
        tx.commit().await?;
        Ok(Answer::first(view))
    }

    async fn change(
        &self,
        code: &Code,
        change: TermsChange,
        expected: Option<i64>,
    ) -> Result<DiscountCodeView> {
        let mut tx = self.pool.begin().await?;
        // Nobody uses the code while its limit is compared with its uses.
        sqlx::query!(
            "select from discount_codes where upper(code) = $1 for no key update",
            code.lookup()
        )
        .fetch_optional(&mut *tx)
        .await?;
        let found = find(&mut *tx, code).await?.ok_or_else(unknown)?;
        let version = found.version;
        if expected.is_some_and(|expected| expected != version) {
            return Err(Error::new(
                ErrorCode::VersionMismatch,
                "version-mismatch",
                format!("the code is at version {version} now; read it again"),
            ));
        }
        // What stands in the database was acceptable once.
        let mut changed = DiscountCode::try_from(found).map_err(Error::internal)?;
        changed.change(change)?;
        let draft = changed.terms.draft();
        sqlx::query!(
            "update discount_codes
                set value = $2, max_discount = $3, min_subtotal = $4, skus = $5, category = $6, starts_at = $7,
                    ends_at = $8, max_uses = $9, max_uses_per_customer = $10, active = $11,
                    version = version + 1, updated_at = now()
              where code = $1",
            changed.code.as_str(),
            draft.value,
            draft.max_discount,
            draft.min_subtotal,
            draft.skus.as_deref(),
            draft.category,
            draft.starts_at,
            draft.ends_at,
            draft.max_uses,
            draft.max_uses_per_customer,
            draft.active,
        )
        .execute(&mut *tx)
        .await?;
        let view = find(&mut *tx, code).await?.ok_or_else(unknown)?;
        tx.commit().await?;
        Ok(view)
    }

    async fn remove(&self, code: &Code) -> Result<()> {
        let mut tx = self.pool.begin().await?;
        // Against a use that begins just now: its row would refer to this one.
        let row = sqlx::query!(
            "select code from discount_codes where upper(code) = $1 and not removed for update",
            code.lookup()
        )
        .fetch_optional(&mut *tx)
        .await?
        .ok_or_else(unknown)?;
        // A use that came back counts no more, but its order still speaks of the code.
        let deleted = sqlx::query!(
            "delete from discount_codes d
              where d.code = $1 and d.used = 0
                and not exists (select from code_uses u where u.code = d.code)",
            row.code
        )
        .execute(&mut *tx)
        .await?
        .rows_affected();
        if deleted == 0 {
            sqlx::query!(
                "update discount_codes set removed = true, version = version + 1, updated_at = now() where code = $1",
                row.code
            )
            .execute(&mut *tx)
            .await?;
        }
        tx.commit().await?;
        Ok(())
    }

    async fn create_batch(
        &self,
        new: &NewCodeBatch,
        draw: &(dyn Fn() -> Code + Sync),
        once: Option<&Once>,
    ) -> Result<Answer<CodeBatchView>> {
        let mut tx = self.pool.begin().await?;
        if let Some(once) = once
            && let Some(answer) = once.claim(&mut tx).await?
        {
            return Ok(Answer::again(answer));
        }
        sqlx::query!(
            "insert into code_batches (id, prefix, size, created_by) values ($1, $2, $3, $4)",
            new.id,
            new.prefix.as_str(),
            new.size.get(),
            new.created_by,
        )
        .execute(&mut *tx)
        .await?;
        fill(&mut tx, new, draw).await?;
        let view = batch(&mut *tx, new.id)
            .await?
            .ok_or_else(|| Error::internal(anyhow::anyhow!("a batch that was made is gone")))?;
        if let Some(once) = once {
            once.keep(&mut tx, &view).await?;
        }
        tx.commit().await?;
        Ok(Answer::first(view))
    }
}

/// Adds the codes of a new batch. One that is taken is drawn again.
async fn fill(
    tx: &mut PgConnection,
    new: &NewCodeBatch,
    draw: &(dyn Fn() -> Code + Sync),
) -> Result<()> {
    /// Already the second is one that hardly anybody will ever see.
    const ROUNDS: usize = 10;
    let draft = new.terms.draft();
    let mut missing = u64::try_from(new.size.get()).map_err(Error::internal)?;
    for _ in 0..ROUNDS {
        let mut codes: Vec<String> = (0..missing).map(|_| draw().to_string()).collect();
        // In the order of the keys, so that two batches at once cannot wait for each other.
        codes.sort_unstable();
        missing -= sqlx::query!(
            "insert into discount_codes (code, batch_id, kind, value, max_discount, min_subtotal, skus, category,
                                         starts_at, ends_at, max_uses, max_uses_per_customer, active)
             select code, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13 from unnest($1::text[]) as code
             on conflict do nothing",
            &codes,
            new.id,
            draft.kind,
            draft.value,
            draft.max_discount,
            draft.min_subtotal,
            draft.skus.as_deref(),
            draft.category,
            draft.starts_at,
            draft.ends_at,
            draft.max_uses,
            draft.max_uses_per_customer,
            draft.active,
        )
        .execute(&mut *tx)
        .await?
        .rows_affected();
        if missing == 0 {
            return Ok(());
        }
    }
    Err(Error::internal(anyhow::anyhow!(
        "{missing} codes of a batch are taken, however often they are drawn"
    )))
}

fn unknown() -> Error {
    Error::not_found("no such discount code")
}

/// Why a code cannot be added.
async fn taken(tx: &mut PgConnection, code: &Code) -> Result<Error> {
    let removed = sqlx::query_scalar!(
        "select removed from discount_codes where upper(code) = $1",
        code.lookup()
    )
    .fetch_optional(tx)
    .await?;
    let detail = if removed == Some(true) {
        format!(
            "the code `{code}` was removed, but orders that used it still speak of it; take another name"
        )
    } else {
        format!("the code `{code}` is there already, in this or another case; change it with PATCH")
    };
    Ok(Error::new(ErrorCode::Conflict, "code-exists", detail))
}
