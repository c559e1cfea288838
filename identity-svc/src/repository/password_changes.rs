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
use crate::domain::{
    AccountKey, Action, Actor, Email, Ending, OneTimeToken, Proven, Purpose, Refusal,
};

/// A password to be set.
pub struct NewPassword {
    /// A PHC string.
    pub hash: String,
    /// Whether it is too short to guard the account alone.
    pub needs_factor: bool,
}

impl Repository {
    /// Asks for the mail by which the owner of the address sets a new password; nobody can tell whether there is one.
    pub async fn request_password_reset(&self, actor: &Actor, email: &Email) -> Result<()> {
        let mut tx = self.pool.begin().await?;
        let user = sqlx::query_scalar!(
            "select id from users where email = $1 and disabled_at is null",
            email.as_str()
        )
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

    /// Spends the token and sets the password of its user; the proof of that, None if the token was not good any more. Ends
    /// all sessions. Whoever has the token reads the mail of the address, which is verified by that.
    ///
    /// # Errors
    /// [`Refusal::AccountChanged`].
    pub async fn reset_password(
        &self,
        actor: &Actor,
        token: &OneTimeToken,
        owner: &Proven,
        new: &NewPassword,
    ) -> Result<Option<Proven>> {
        let mut tx = self.pool.begin().await?;
        // First, as in all that changes what guards an account: else two links of one user wait for each other.
        lock_user(&mut tx, owner.user).await?;
        if spend(&mut tx, token, Purpose::ResetPassword)
            .await?
            .is_none()
        {
            return Ok(None);
        }
        let actor = actor.known_as(owner.user);
        let owner = set_password(&mut tx, &actor, owner, new, None).await?;
        verify(&mut tx, &actor, owner.user).await?;
        let subject = owner.user.to_string();
        let action = Action::PasswordReset;
        record(&mut tx, &actor, action, Some(&subject), json!({})).await?;
        tx.commit().await?;
        Ok(Some(owner))
    }

    /// Sets the user's password and ends all sessions but `kept`.
    ///
    /// # Errors
    /// [`Refusal::AccountChanged`].
    pub async fn change_password(
        &self,
        actor: &Actor,
        owner: &Proven,
        new: &NewPassword,
        kept: Option<Uuid>,
    ) -> Result<()> {
        let mut tx = self.pool.begin().await?;
        set_password(&mut tx, actor, owner, new, kept).await?;
        let subject = owner.user.to_string();
        let action = Action::PasswordChanged;
        record(&mut tx, actor, action, Some(&subject), json!({})).await?;
        tx.commit().await?;
        Ok(())
    }
}

async fn lock_user(tx: &mut PgConnection, user: Uuid) -> Result<()> {
    sqlx::query!("select from users where id = $1 for no key update", user)
        .fetch_optional(tx)
        .await?;
    Ok(())
}

/// All that goes with a new password: whoever knew the old one is out, links that set another are spent, guesses at the
/// old one are forgiven, and the owner hears of it. The proof from now on.
async fn set_password(
    tx: &mut PgConnection,
    actor: &Actor,
    owner: &Proven,
    new: &NewPassword,
    kept: Option<Uuid>,
) -> Result<Proven> {
    let user = owner.user;
    let set = sqlx::query!(
        "update users set password_hash = $3, password_needs_factor = $4, guard_version = guard_version + 1
          where id = $1 and guard_version = $2
         returning email, guard_version",
        user,
        owner.guard_version,
        new.hash,
        new.needs_factor,
    )
    .fetch_optional(&mut *tx)
    .await?
    .ok_or(Refusal::AccountChanged)?;
    end_all(tx, actor, user, kept, Ending::PasswordSet).await?;
    spend_all(tx, user, Purpose::ResetPassword).await?;
    forgive(tx, &AccountKey::of(&set.email)).await?;
    request_mail(tx, user, MailKind::PasswordChanged).await?;
    Ok(Proven {
        user,
        guard_version: set.guard_version,
    })
}
