use chassis::{Result, trace};
use serde_json::Value;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::domain::{Action, Actor};

/// Notes in the audit log what `actor` did to `subject`, in the transaction that does it.
pub(super) async fn record(
    tx: &mut PgConnection,
    actor: &Actor,
    action: Action,
    subject: Option<&str>,
    details: Value,
) -> Result<()> {
    sqlx::query!(
        "insert into audit_log (id, action, actor_id, client_id, subject, address, user_agent, request_id, details)
         values ($1, $2, $3, $4, $5, $6::text::inet, $7, $8, $9)",
        Uuid::now_v7(),
        action.as_str(),
        actor.id,
        actor.client_id,
        subject,
        actor.origin.address.map(|address| address.to_string()),
        actor.origin.user_agent,
        trace::request_id(),
        details,
    )
    .execute(tx)
    .await?;
    Ok(())
}
