use chassis::Result;
use serde_json::json;
use sqlx::PgConnection;
use uuid::Uuid;

use super::{Repository, Session, audit_log::record, tell_sessions_ended};
use crate::domain::{Action, Actor, Ending, RefreshToken};

impl Repository {
    /// Ends the session that the token belongs to; one that belongs to none, or whose session is over, is no error.
    pub async fn end_session(&self, actor: &Actor, token: &RefreshToken) -> Result<()> {
        let mut tx = self.pool.begin().await?;
        let ended = sqlx::query_as!(
            Session,
            "update refresh_families f set revoked_at = now() from refresh_tokens t
              where t.hash = $1 and f.id = t.family_id and f.revoked_at is null and f.expires_at > now()
             returning f.id, f.user_id",
            &token.hash(),
        )
        .fetch_optional(&mut *tx)
        .await?;
        if let Some(Session { id, user_id }) = ended {
            let actor = actor.known_as(user_id);
            note_ended(&mut tx, &actor, user_id, &[id], Ending::SignedOut).await?;
            tx.commit().await?;
        }
        Ok(())
    }

    /// Ends a session of the user, if it goes on; false if the user has none of this id.
    pub async fn end_session_of(&self, actor: &Actor, user: Uuid, session: Uuid) -> Result<bool> {
        let mut tx = self.pool.begin().await?;
        let found = sqlx::query!(
            r#"select revoked_at is null and expires_at > now() as "live!" from refresh_families
                where id = $1 and user_id = $2 for no key update"#,
            session,
            user,
        )
        .fetch_optional(&mut *tx)
        .await?;
        let Some(found) = found else {
            return Ok(false);
        };
        if found.live {
            sqlx::query!(
                "update refresh_families set revoked_at = now() where id = $1",
                session
            )
            .execute(&mut *tx)
            .await?;
            note_ended(&mut tx, actor, user, &[session], Ending::ByOwner).await?;
            tx.commit().await?;
        }
        Ok(true)
    }

    /// Ends the sessions of the user that go on, except `kept`; false if there is no such user.
    pub async fn end_sessions(
        &self,
        actor: &Actor,
        user: Uuid,
        kept: Option<Uuid>,
        why: Ending,
    ) -> Result<bool> {
        let mut tx = self.pool.begin().await?;
        let found = sqlx::query!("select from users where id = $1 for no key update", user)
            .fetch_optional(&mut *tx)
            .await?;
        if found.is_none() {
            return Ok(false);
        }
        end_all(&mut tx, actor, user, kept, why).await?;
        tx.commit().await?;
        Ok(true)
    }
}

/// [`Repository::end_sessions`] in a transaction that has locked the user: else two that end or drop several of the
/// user's sessions could wait for each other.
pub(super) async fn end_all(
    tx: &mut PgConnection,
    actor: &Actor,
    user: Uuid,
    kept: Option<Uuid>,
    why: Ending,
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
    note_ended(tx, actor, user, &ended, why).await
}

/// Tells of sessions of `user` that ended in this transaction, and notes it in the audit log; of none there is nothing to
/// tell.
pub(super) async fn note_ended(
    tx: &mut PgConnection,
    actor: &Actor,
    user: Uuid,
    ended: &[Uuid],
    why: Ending,
) -> Result<()> {
    if ended.is_empty() {
        return Ok(());
    }
    tell_sessions_ended(tx, user, ended).await?;
    let subject = user.to_string();
    let details = json!({"sessions": ended, "reason": why.as_str()});
    record(tx, actor, Action::SessionEnded, Some(&subject), details).await
}
