use std::time::Duration;

use chassis::Result;
use serde_json::json;
use sqlx::PgConnection;
use uuid::Uuid;

use super::{Repository, address_counts, audit_log::record};
use crate::domain::{AccountKey, Action, Actor, Failures, Limit};

/// Whoever adds a row removes so many that are of no use any more.
const SWEPT: i64 = 100;

impl Repository {
    /// How often guessing failed at the account lately.
    pub async fn failures(&self, account: &AccountKey) -> Result<Failures> {
        let row = sqlx::query!(
            r#"select count, extract(epoch from clock_timestamp() - last_at)::float8 as "age!"
                 from account_failures where account = $1"#,
            account.as_bytes(),
        )
        .fetch_optional(&self.pool)
        .await?;
        Ok(row.map_or(
            Failures {
                count: 0,
                age: Duration::ZERO,
            },
            |row| Failures {
                count: row.count.unsigned_abs(),
                age: Duration::try_from_secs_f64(row.age).unwrap_or_default(),
            },
        ))
    }

    /// Counts a failure at the account and, if there is a limit, at the address that it came from. `user` is whose
    /// account it is, if it is somebody's: what is done is the same. `action` is noted in the audit log.
    pub async fn note_failure(
        &self,
        actor: &Actor,
        action: Option<Action>,
        account: &AccountKey,
        user: Option<Uuid>,
        limit: Option<&Limit>,
    ) -> Result<()> {
        let mut tx = self.pool.begin().await?;
        let count = sqlx::query_scalar!(
            "insert into account_failures as f (account, count, last_at) values ($1, 1, clock_timestamp())
             on conflict (account) do update
                set count = case when f.last_at < now() - make_interval(secs => $2) then 1
                                 else least(f.count, 1000000) + 1 end,
                    last_at = clock_timestamp()
             returning count",
            account.as_bytes(),
            Failures::REMEMBERED.as_secs_f64(),
        )
        .fetch_one(&mut *tx)
        .await?
        .unsigned_abs();
        if count == 1 {
            sweep(&mut tx).await?;
        }
        let subject = user.map(|user| user.to_string());
        let subject = subject.as_deref();
        if let Some(action) = action {
            record(&mut tx, actor, action, subject, json!({})).await?;
        }
        let pause = Failures::pause_after(count);
        if !pause.is_zero() {
            let details = json!({"failures": count, "seconds": pause.as_secs()});
            record(&mut tx, actor, Action::SignInThrottled, subject, details).await?;
        }
        if let Some(limit) = limit {
            address_counts::count(&mut tx, actor, limit).await?;
        }
        tx.commit().await?;
        Ok(())
    }
}

/// Whoever got in begins anew, in the transaction that lets them in.
pub(super) async fn forgive(tx: &mut PgConnection, account: &AccountKey) -> Result<()> {
    sqlx::query!(
        "delete from account_failures where account = $1",
        account.as_bytes()
    )
    .execute(tx)
    .await?;
    Ok(())
}

async fn sweep(tx: &mut PgConnection) -> Result<()> {
    sqlx::query!(
        "delete from account_failures where account = any(array(
             select account from account_failures where last_at < now() - make_interval(secs => $1)
              limit $2 for update skip locked))",
        Failures::REMEMBERED.as_secs_f64(),
        SWEPT,
    )
    .execute(tx)
    .await?;
    Ok(())
}
