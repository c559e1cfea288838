use chassis::Result;
use uuid::Uuid;

use super::{Repository, account_failures::forgive};
use crate::domain::{AccountKey, Proven, RefreshToken};

/// A sign-in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Session {
    pub id: Uuid,
    pub user_id: Uuid,
}

/// What became of a refresh token that was presented.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refreshed {
    /// Its successor is in force: it was spent now, or a moment ago by a client that lost the answer.
    By(Session),
    /// It was spent long ago: somebody has a copy. The whole family is revoked.
    Reused(Session),
    /// Unknown, expired or revoked.
    Refused,
}

impl Repository {
    /// Opens a session of `lifetime` seconds, however often it is refreshed, and forgets what failed at the account
    /// before; drops those of the user that are over. None if something else guards the account by now: all sessions
    /// ended when that changed, and this one would be left.
    pub async fn open_session(
        &self,
        owner: &Proven,
        account: &AccountKey,
        token: &RefreshToken,
        lifetime: i64,
    ) -> Result<Option<Session>> {
        let (user, hash) = (owner.user, token.hash());
        let mut tx = self.pool.begin().await?;
        let unchanged = sqlx::query!(
            "select from users where id = $1 and guard_version = $2 for no key update",
            user,
            owner.guard_version,
        )
        .fetch_optional(&mut *tx)
        .await?;
        if unchanged.is_none() {
            return Ok(None);
        }
        forgive(&mut tx, account).await?;
        sqlx::query!(
            "delete from refresh_families where user_id = $1 and expires_at < now()",
            user
        )
        .execute(&mut *tx)
        .await?;
        let family = Uuid::now_v7();
        sqlx::query!(
            "insert into refresh_families (id, user_id, expires_at)
             values ($1, $2, now() + make_interval(secs => $3::bigint))",
            family,
            user,
            lifetime,
        )
        .execute(&mut *tx)
        .await?;
        sqlx::query!(
            "insert into refresh_tokens (hash, family_id) values ($1, $2)",
            &hash,
            family
        )
        .execute(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok(Some(Session {
            id: family,
            user_id: user,
        }))
    }

    /// Spends `token` and puts `successor` in its place. Of twins at once, one spends it and the others find it spent a
    /// moment ago, which for `grace` seconds is the same answer.
    pub async fn rotate(
        &self,
        token: &RefreshToken,
        successor: &RefreshToken,
        grace: i64,
    ) -> Result<Refreshed> {
        let (hash, successor) = (token.hash(), successor.hash());
        let mut tx = self.pool.begin().await?;
        let spent = sqlx::query_as!(
            Session,
            "update refresh_tokens t set spent_at = now() from refresh_families f
              where t.hash = $1 and t.spent_at is null
                and f.id = t.family_id and f.revoked_at is null and f.expires_at > now()
             returning f.id, f.user_id",
            &hash,
        )
        .fetch_optional(&mut *tx)
        .await?;
        let outcome = if let Some(family) = spent {
            sqlx::query!(
                "insert into refresh_tokens (hash, family_id) values ($1, $2)",
                &successor,
                family.id,
            )
            .execute(&mut *tx)
            .await?;
            Refreshed::By(family)
        } else if let Some(family) = sqlx::query_as!(
            Session,
            "update refresh_families f set revoked_at = now() from refresh_tokens t
              where t.hash = $1 and t.spent_at <= now() - make_interval(secs => $2::bigint)
                and f.id = t.family_id and f.revoked_at is null and f.expires_at > now()
             returning f.id, f.user_id",
            &hash,
            grace,
        )
        .fetch_optional(&mut *tx)
        .await?
        {
            Refreshed::Reused(family)
        } else {
            sqlx::query_as!(
                Session,
                "select f.id, f.user_id from refresh_tokens t join refresh_families f on f.id = t.family_id
                  where t.hash = $1 and t.spent_at > now() - make_interval(secs => $2::bigint)
                    and f.revoked_at is null and f.expires_at > now()",
                &hash,
                grace,
            )
            .fetch_optional(&mut *tx)
            .await?
            .map_or(Refreshed::Refused, Refreshed::By)
        };
        tx.commit().await?;
        Ok(outcome)
    }

    /// Whether a refresh token was ever given out, however its session ended.
    pub async fn was_issued(&self, token: &RefreshToken) -> Result<bool> {
        let issued = sqlx::query_scalar!(
            r#"select exists (select from refresh_tokens where hash = $1) as "issued!""#,
            &token.hash(),
        )
        .fetch_one(&self.pool)
        .await?;
        Ok(issued)
    }

    /// Ends the session that the token belongs to; one that belongs to none is no error.
    pub async fn end_session(&self, token: &RefreshToken) -> Result<()> {
        sqlx::query!(
            "update refresh_families f set revoked_at = now() from refresh_tokens t
              where t.hash = $1 and f.id = t.family_id and f.revoked_at is null",
            &token.hash(),
        )
        .execute(&self.pool)
        .await?;
        Ok(())
    }
}
