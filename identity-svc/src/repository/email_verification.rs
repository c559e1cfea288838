use chassis::Result;
use proto::events::identity::MailKind;
use serde_json::json;
use sqlx::PgConnection;
use uuid::Uuid;

use super::{
    Repository,
    audit_log::record,
    mails::{Pace, request_paced_mail},
};
use crate::domain::{AccountKey, Action, Actor, OneTimeToken, Purpose};

impl Repository {
    /// Verifies the address of the token's user; false if the token is not good any more. It may be used again, so that a
    /// link which is opened twice does not frighten anybody.
    pub async fn verify_email(&self, actor: &Actor, token: &OneTimeToken) -> Result<bool> {
        let Some(holder) = self.holder(token, Purpose::VerifyEmail).await? else {
            return Ok(false);
        };
        let mut tx = self.pool.begin().await?;
        verify(&mut tx, &actor.known_as(holder.id), holder.id).await?;
        tx.commit().await?;
        Ok(true)
    }

    /// Asks for the mail that verifies the user's address, unless it is verified.
    pub async fn request_verification(&self, user: Uuid) -> Result<()> {
        let mut tx = self.pool.begin().await?;
        let email = sqlx::query_scalar!(
            "select email from users where id = $1 and email_verified_at is null and disabled_at is null",
            user
        )
        .fetch_optional(&mut *tx)
        .await?;
        if let Some(email) = email {
            let account = AccountKey::of(&email);
            let (kind, pace) = (MailKind::EmailVerification, Pace::VERIFICATION);
            request_paced_mail(&mut tx, &account, Some(user), kind, pace).await?;
        }
        tx.commit().await?;
        Ok(())
    }
}

/// Notes that the user reads the mail of the address.
pub(super) async fn verify(tx: &mut PgConnection, actor: &Actor, user: Uuid) -> Result<()> {
    let verified = sqlx::query!(
        "update users set email_verified_at = now() where id = $1 and email_verified_at is null",
        user
    )
    .execute(&mut *tx)
    .await?
    .rows_affected();
    if verified == 0 {
        return Ok(());
    }
    let subject = user.to_string();
    let action = Action::EmailVerified;
    record(tx, actor, action, Some(&subject), json!({})).await
}
