use chassis::Result;
use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::Repository;

/// A session that ended before its last access token expired.
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
            r#"select id, revoked_at as "ended_at!" from refresh_families
                where revoked_at > greatest($1, now() - make_interval(secs => $2::bigint))"#,
            after,
            within,
        )
        .fetch_all(&self.pool)
        .await?;
        Ok((ended, as_of))
    }

    /// Whether the session has ended. One that is not there any more was over long before.
    pub async fn has_ended(&self, session: Uuid) -> Result<bool> {
        let ended = sqlx::query_scalar!(
            r#"select exists (select from refresh_families
                               where id = $1 and revoked_at is not null) as "ended!""#,
            session,
        )
        .fetch_one(&self.pool)
        .await?;
        Ok(ended)
    }
}
