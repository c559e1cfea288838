use chassis::Result;
use proto::events::identity::USER_CHANGED;
use serde_json::json;
use sqlx::PgConnection;
use uuid::Uuid;

use super::{
    Repository, api_keys::end_api_keys, audit_log::record, ending::end_all, lock_administrators,
    require_administrator, tell,
};
use crate::domain::{ADMIN, Action, Actor, Ending, Reason};

impl Repository {
    /// Disables the user, and ends all sessions and API keys; false if there is no such user. Whoever is disabled already is left so,
    /// without an event.
    ///
    /// # Errors
    /// [`Refusal::LastAdministrator`](crate::domain::Refusal::LastAdministrator).
    pub async fn disable(&self, actor: &Actor, user: Uuid, reason: &Reason) -> Result<bool> {
        let mut tx = self.pool.begin().await?;
        lock_administrators(&mut tx).await?;
        match lock(&mut tx, user).await? {
            None => return Ok(false),
            Some(State::Disabled) => return Ok(true),
            Some(State::Enabled) => {}
        }
        let administrator = sqlx::query_scalar!(
            r#"update users set disabled_at = now(), version = version + 1 where id = $1
               returning exists (select from user_roles where user_id = id and role = $2) as "administrator!""#,
            user,
            ADMIN,
        )
        .fetch_one(&mut *tx)
        .await?;
        if administrator {
            require_administrator(&mut tx).await?;
        }
        tell(&mut tx, USER_CHANGED, user).await?;
        let subject = user.to_string();
        let details = json!({"reason": reason.as_str()});
        let action = Action::UserDisabled;
        record(&mut tx, actor, action, Some(&subject), details).await?;
        end_all(&mut tx, actor, user, None, Ending::UserDisabled).await?;
        end_api_keys(&mut tx, actor, user).await?;
        tx.commit().await?;
        Ok(true)
    }

    /// Lets the user in again; false if there is no such user. Whoever is not disabled is left so, without an event.
    pub async fn enable(&self, actor: &Actor, user: Uuid) -> Result<bool> {
        let mut tx = self.pool.begin().await?;
        match lock(&mut tx, user).await? {
            None => return Ok(false),
            Some(State::Enabled) => return Ok(true),
            Some(State::Disabled) => {}
        }
        sqlx::query!(
            "update users set disabled_at = null, version = version + 1 where id = $1",
            user
        )
        .execute(&mut *tx)
        .await?;
        tell(&mut tx, USER_CHANGED, user).await?;
        let subject = user.to_string();
        let action = Action::UserEnabled;
        record(&mut tx, actor, action, Some(&subject), json!({})).await?;
        tx.commit().await?;
        Ok(true)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Enabled,
    Disabled,
}

/// How the user is, until the transaction ends.
async fn lock(tx: &mut PgConnection, user: Uuid) -> Result<Option<State>> {
    let disabled = sqlx::query_scalar!(
        r#"select disabled_at is not null as "disabled!" from users where id = $1 for no key update"#,
        user,
    )
    .fetch_optional(tx)
    .await?;
    Ok(disabled.map(|disabled| {
        if disabled {
            State::Disabled
        } else {
            State::Enabled
        }
    }))
}
