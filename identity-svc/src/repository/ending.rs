use chassis::{Result, amqp::outbox};
use chrono::Utc;
use proto::{
    cloudevents::CloudEvent,
    events::identity::{SESSIONS_ENDED, SOURCE, SessionsData},
};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::domain::Actor;

/// Ends the sessions of the user that go on, except `kept`, and tells of it. The transaction has locked the user.
pub(super) async fn end_all(
    tx: &mut PgConnection,
    _actor: &Actor,
    user: Uuid,
    kept: Option<Uuid>,
) -> Result<()> {
    let ended = sqlx::query_scalar!(
        "update refresh_families set revoked_at = now()
          where user_id = $1 and revoked_at is null and expires_at > now() and id is distinct from $2
         returning id",
        user,
        kept,
    )
    .fetch_all(&mut *tx)
    .await?;
    if ended.is_empty() {
        return Ok(());
    }
    let now = Utc::now();
    let data = SessionsData {
        owner_id: user,
        session_ids: ended,
        ended_at: now,
    };
    let event = CloudEvent::new(SOURCE, SESSIONS_ENDED, user, None, now, &data)?;
    outbox::append(tx, vec![event]).await
}
