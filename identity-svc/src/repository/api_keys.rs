use chassis::Result;
use serde_json::json;
use sqlx::PgConnection;
use uuid::Uuid;

use super::{Repository, audit_log::record, tell_sessions_ended};
use crate::domain::{Action, Actor, ApiKey, NewApiKey, Refusal};

/// Live keys of a user, at most.
const MAX_KEYS: i64 = 50;

impl Repository {
    /// Adds a key of this hash; None if there is no such user.
    ///
    /// # Errors
    /// [`Refusal::TooManyApiKeys`].
    pub async fn add_api_key(
        &self,
        actor: &Actor,
        user: Uuid,
        new: &NewApiKey,
        hash: &[u8; 32],
    ) -> Result<Option<ApiKey>> {
        let mut tx = self.pool.begin().await?;
        // Those who add keys for one user take turns, so that they count all of them.
        let found = sqlx::query!("select from users where id = $1 for no key update", user)
            .fetch_optional(&mut *tx)
            .await?;
        if found.is_none() {
            return Ok(None);
        }
        // No token of theirs lives any more.
        sqlx::query!(
            "delete from api_keys where user_id = $1 and least(revoked_at, expires_at) < now() - interval '2 days'",
            user,
        )
        .execute(&mut *tx)
        .await?;
        let live = sqlx::query_scalar!(
            r#"select count(*) as "n!" from api_keys
                where user_id = $1 and revoked_at is null and expires_at > now()"#,
            user,
        )
        .fetch_one(&mut *tx)
        .await?;
        if live >= MAX_KEYS {
            return Err(Refusal::TooManyApiKeys.into());
        }
        let key = sqlx::query_as!(
            ApiKey,
            "insert into api_keys (id, user_id, name, scopes, hash, expires_at) values ($1, $2, $3, $4, $5, $6)
             returning id, name, scopes, created_at, expires_at, last_used_at",
            Uuid::now_v7(),
            user,
            new.name.as_str(),
            &new.scope.names(),
            hash,
            new.expires_at,
        )
        .fetch_one(&mut *tx)
        .await?;
        let details = json!({"user_id": user, "scopes": key.scopes, "expires_at": key.expires_at});
        let subject = key.id.to_string();
        record(&mut tx, actor, Action::ApiKeyAdded, Some(&subject), details).await?;
        tx.commit().await?;
        Ok(Some(key))
    }

    /// At most `limit` live keys of a user, oldest first, after the one with the id `after`.
    pub async fn api_keys(
        &self,
        user: Uuid,
        after: Option<Uuid>,
        limit: i64,
    ) -> Result<Vec<ApiKey>> {
        let keys = sqlx::query_as!(
            ApiKey,
            "select id, name, scopes, created_at, expires_at, last_used_at from api_keys
              where user_id = $1 and revoked_at is null and expires_at > now() and ($2::uuid is null or id > $2)
              order by id limit $3",
            user,
            after,
            limit,
        )
        .fetch_all(&self.pool)
        .await?;
        Ok(keys)
    }

    /// Ends a key, and the access tokens that were issued for it; false if the user has none of this id. One that has ended
    /// already is left so, without an event.
    pub async fn end_api_key(&self, actor: &Actor, user: Uuid, key: Uuid) -> Result<bool> {
        let mut tx = self.pool.begin().await?;
        let live = sqlx::query_scalar!(
            r#"select revoked_at is null as "live!" from api_keys where id = $1 and user_id = $2 for no key update"#,
            key,
            user,
        )
        .fetch_optional(&mut *tx)
        .await?;
        if live == Some(true) {
            sqlx::query!("update api_keys set revoked_at = now() where id = $1", key)
                .execute(&mut *tx)
                .await?;
            tell_sessions_ended(&mut tx, user, &[key]).await?;
            let (subject, details) = (key.to_string(), json!({"user_id": user}));
            record(&mut tx, actor, Action::ApiKeyEnded, Some(&subject), details).await?;
        }
        tx.commit().await?;
        Ok(live.is_some())
    }
}

/// Ends all keys of a user, in a transaction that has locked the user.
pub(super) async fn end_api_keys(tx: &mut PgConnection, actor: &Actor, user: Uuid) -> Result<()> {
    let ended = sqlx::query_scalar!(
        "update api_keys set revoked_at = now() where user_id = $1 and revoked_at is null and expires_at > now()
         returning id",
        user,
    )
    .fetch_all(&mut *tx)
    .await?;
    if !ended.is_empty() {
        tell_sessions_ended(tx, user, &ended).await?;
    }
    for key in ended {
        let (subject, details) = (key.to_string(), json!({"user_id": user}));
        record(tx, actor, Action::ApiKeyEnded, Some(&subject), details).await?;
    }
    Ok(())
}
