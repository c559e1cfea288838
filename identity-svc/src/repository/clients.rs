use chassis::Result;
use chrono::{DateTime, Utc};
use serde_json::json;
use uuid::Uuid;

use super::{Repository, audit_log::record};
use crate::domain::{Action, Actor};

/// What proves that somebody is a client, and what a token is issued for: a service account's secret, or an API key.
pub struct Credential {
    pub id: Uuid,
    /// SHA-256 of the secret.
    pub hash: Vec<u8>,
    /// Whom its tokens speak for: the account, or the key's owner.
    pub subject: Uuid,
    /// None: whatever the subject may do.
    pub scopes: Option<Vec<String>>,
    pub expires_at: Option<DateTime<Utc>>,
}

impl Repository {
    /// The credentials in force of the client with this id: of an API key one, of a service account two at most.
    pub async fn credentials_of_client(&self, client: Uuid) -> Result<Vec<Credential>> {
        let credentials = sqlx::query_as!(
            Credential,
            r#"select s.id as "id!", s.hash as "hash!", account_id as "subject!",
                      null::text[] as scopes, null::timestamptz as expires_at
                 from service_account_secrets s join service_accounts a on a.id = account_id
                where account_id = $1 and revoked_at is null and deleted_at is null
               union all
               select k.id, k.hash, user_id, scopes, expires_at
                 from api_keys k join users u on u.id = user_id
                where k.id = $1 and revoked_at is null and expires_at > now() and u.disabled_at is null"#,
            client,
        )
        .fetch_all(&self.pool)
        .await?;
        Ok(credentials)
    }

    /// Notes that a token was issued for a credential.
    pub async fn note_client_token(
        &self,
        actor: &Actor,
        credential: Uuid,
        scope: Option<&str>,
    ) -> Result<()> {
        let mut tx = self.pool.begin().await?;
        // Not a row for each use: to the minute is enough.
        sqlx::query!(
            "update api_keys set last_used_at = date_trunc('minute', now())
              where id = $1 and last_used_at is distinct from date_trunc('minute', now())",
            credential,
        )
        .execute(&mut *tx)
        .await?;
        let (action, subject) = (Action::ClientTokenIssued, credential.to_string());
        let details = json!({"scope": scope});
        record(&mut tx, actor, action, Some(&subject), details).await?;
        tx.commit().await?;
        Ok(())
    }

    /// Notes that somebody could not prove to be a client; `client` is its id, if there is such a one.
    pub async fn note_refused_client(&self, actor: &Actor, client: Option<Uuid>) -> Result<()> {
        let mut conn = self.pool.acquire().await?;
        let subject = client.map(|client| client.to_string());
        let (action, subject) = (Action::ClientRefused, subject.as_deref());
        record(&mut conn, actor, action, subject, json!({})).await
    }
}
