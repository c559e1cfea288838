use chassis::Result;
use sqlx::PgConnection;
use uuid::Uuid;

use super::Repository;
use crate::domain::{OneTimeToken, Proven, Purpose};

/// So many codes of the second factor whoever has a token may try; then it is of no use any more.
const MOST_TRIES: i32 = 5;

/// Whoever adds a token removes so many that have expired.
const SWEPT: i64 = 100;

/// Whose a token is.
#[derive(Debug, Clone)]
pub struct Holder {
    pub id: Uuid,
    pub email: String,
    pub name: String,
    pub guard_version: i64,
}

impl Holder {
    /// As whom the token lets its holder in, as far as the password goes.
    #[must_use]
    pub fn owner(&self) -> Proven {
        Proven {
            user: self.id,
            guard_version: self.guard_version,
        }
    }
}

impl Repository {
    /// Keeps a token for the user. Those before it stay as good as they are: mails may arrive in any order.
    pub async fn add_one_time_token(
        &self,
        user: Uuid,
        token: &OneTimeToken,
        purpose: Purpose,
    ) -> Result<()> {
        let mut tx = self.pool.begin().await?;
        sweep(&mut tx).await?;
        sqlx::query!(
            "insert into one_time_tokens (hash, user_id, purpose, expires_at)
             values ($1, $2, $3, now() + make_interval(secs => $4))",
            &token.hash(),
            user,
            purpose.as_str(),
            purpose.lifetime().as_secs_f64(),
        )
        .execute(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok(())
    }

    /// Whose the token is, if it is still good for the purpose.
    pub async fn holder(&self, token: &OneTimeToken, purpose: Purpose) -> Result<Option<Holder>> {
        let holder = sqlx::query_as!(
            Holder,
            "select u.id, u.email, u.name, u.guard_version
               from one_time_tokens t join users u on u.id = t.user_id
              where t.hash = $1 and t.purpose = $2 and t.spent_at is null and t.expires_at > now()
                and t.tries < $3 and u.disabled_at is null",
            &token.hash(),
            purpose.as_str(),
            MOST_TRIES,
        )
        .fetch_optional(&self.pool)
        .await?;
        Ok(holder)
    }

    /// Counts a code that is tried by whoever has the token, before it is looked at: so of many at once, no more than the
    /// last ones are. False if there were too many.
    pub async fn count_try(&self, token: &OneTimeToken) -> Result<bool> {
        let counted = sqlx::query!(
            "update one_time_tokens set tries = tries + 1 where hash = $1 and tries < $2",
            &token.hash(),
            MOST_TRIES,
        )
        .execute(&self.pool)
        .await?
        .rows_affected();
        Ok(counted > 0)
    }
}

async fn sweep(tx: &mut PgConnection) -> Result<()> {
    sqlx::query!(
        "delete from one_time_tokens where hash = any(array(
             select hash from one_time_tokens where expires_at < now()
              limit $1 for update skip locked))",
        SWEPT,
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// Spends a token; whose it was, if it was still good. Of two at once, one spends it.
pub(super) async fn spend(
    tx: &mut PgConnection,
    token: &OneTimeToken,
    purpose: Purpose,
) -> Result<Option<Uuid>> {
    let user = sqlx::query_scalar!(
        "update one_time_tokens set spent_at = now()
          where hash = $1 and purpose = $2 and spent_at is null and expires_at > now()
         returning user_id",
        &token.hash(),
        purpose.as_str(),
    )
    .fetch_optional(tx)
    .await?;
    Ok(user)
}

/// Spends whatever the user has for the purpose.
pub(super) async fn spend_all(tx: &mut PgConnection, user: Uuid, purpose: Purpose) -> Result<()> {
    sqlx::query!(
        "update one_time_tokens set spent_at = now()
          where user_id = $1 and purpose = $2 and spent_at is null",
        user,
        purpose.as_str(),
    )
    .execute(tx)
    .await?;
    Ok(())
}
