use chassis::Result;
use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::Repository;

/// A session that ended before its last access token expired; or an API key, or a service account's secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EndedSession {
    pub id: Uuid,
    pub ended_at: DateTime<Utc>,
}

impl Repository {
    /// Those that ended after `after` and within the last `within` seconds; and the database's time when that was so.
    pub async fn ended_sessions(
        &self,
        after: DateTime<Utc>,
        within: i64,
    ) -> Result<(Vec<EndedSession>, DateTime<Utc>)> {
        let as_of = sqlx::query_scalar!(r#"select now() as "now!""#)
            .fetch_one(&self.pool)
            .await?;
        let ended = sqlx::query_as!(
            EndedSession,
            r#"with since as (select greatest($1, now() - make_interval(secs => $2::bigint)) as at)
               select id as "id!", revoked_at as "ended_at!" from refresh_families, since where revoked_at > at
               union all
               select id, revoked_at from service_account_secrets, since where revoked_at > at
               union all
               select id, revoked_at from api_keys, since where revoked_at > at"#,
            after,
            within,
        )
        .fetch_all(&self.pool)
        .await?;
        Ok((ended, as_of))
    }

    /// Whether the session, API key or secret has ended. One that is not there any more was over long before.
    pub async fn has_ended(&self, session: Uuid) -> Result<bool> {
        let ended = sqlx::query_scalar!(
            r#"select exists (select from refresh_families where id = $1 and revoked_at is not null)
                   or exists (select from service_account_secrets where id = $1 and revoked_at is not null)
                   or exists (select from api_keys where id = $1 and revoked_at is not null) as "ended!""#,
            session,
        )
        .fetch_one(&self.pool)
        .await?;
        Ok(ended)
    }
}
