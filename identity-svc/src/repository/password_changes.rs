use chassis::Result;
use proto::events::identity::MailKind;
use serde_json::json;
use sqlx::PgConnection;
use uuid::Uuid;

use super::{
    Repository,
    account_failures::forgive,
    audit_log::record,
    email_verification::verify,
    ending::end_all,
    mails::{Pace, request_mail, request_paced_mail},
    one_time_tokens::{spend, spend_all},
};
use crate::domain::{AccountKey, Action, Actor, Email, OneTimeToken, Purpose};

impl Repository {
    /// Asks for the mail by which the owner of the address sets a new password; nobody can tell whether there is one.
    pub async fn request_password_reset(&self, actor: &Actor, email: &Email) -> Result<()> {
        let mut tx = self.pool.begin().await?;
        let user = sqlx::query_scalar!("select id from users where email = $1", email.as_str())
            .fetch_optional(&mut *tx)
            .await?;
        let subject = user.map(|user| user.to_string());
        let (action, subject) = (Action::PasswordResetRequested, subject.as_deref());
        record(&mut tx, actor, action, subject, json!({})).await?;
        let account = AccountKey::of(email.as_str());
        let (kind, pace) = (MailKind::PasswordReset, Pace::PASSWORD_RESET);
        request_paced_mail(&mut tx, &account, user, kind, pace).await?;
        tx.commit().await?;
        Ok(())
    }

    /// Spends the token and sets the password of its user; who that is, if the token was still good. Ends all sessions.
    /// Whoever has the token reads the mail of the address, which is verified by that.
    pub async fn reset_password(
        &self,
        actor: &Actor,
        token: &OneTimeToken,
        password_hash: &str,
    ) -> Result<Option<Uuid>> {
        let mut tx = self.pool.begin().await?;
        let Some(user) = spend(&mut tx, token, Purpose::ResetPassword).await? else {
            return Ok(None);
        };
        let actor = actor.known_as(user);
        set_password(&mut tx, &actor, user, password_hash, None).await?;
        verify(&mut tx, &actor, user).await?;
        let subject = user.to_string();
        let action = Action::PasswordReset;
        record(&mut tx, &actor, action, Some(&subject), json!({})).await?;
        tx.commit().await?;
        Ok(Some(user))
    }

    /// Sets the user's password and ends all sessions but `kept`.
    pub async fn change_password(
        &self,
        actor: &Actor,
        user: Uuid,
        password_hash: &str,
        kept: Option<Uuid>,
    ) -> Result<()> {
        let mut tx = self.pool.begin().await?;
        set_password(&mut tx, actor, user, password_hash, kept).await?;
        let subject = user.to_string();
        let action = Action::PasswordChanged;
        record(&mut tx, actor, action, Some(&subject), json!({})).await?;
        tx.commit().await?;
        Ok(())
    }
}

/// All that goes with a new password: whoever knew the old one is out, links that set another are spent, guesses at the
/// old one are forgiven, and the owner hears of it.
async fn set_password(
    tx: &mut PgConnection,
    actor: &Actor,
    user: Uuid,
    password_hash: &str,
    kept: Option<Uuid>,
) -> Result<()> {
    let email = sqlx::query_scalar!(
        "update users set password_hash = $2 where id = $1 returning email",
        user,
        password_hash,
    )
    .fetch_one(&mut *tx)
    .await?;
    end_all(tx, actor, user, kept).await?;
    spend_all(tx, user, Purpose::ResetPassword).await?;
    forgive(tx, &AccountKey::of(&email)).await?;
    request_mail(tx, user, MailKind::PasswordChanged).await
}
