use std::time::Duration;

use chassis::Result;
use proto::events::identity::MailKind;
use uuid::Uuid;

use super::Identity;
use crate::domain::{OneTimeToken, Purpose};

/// What a mail to a user needs to say.
pub struct PreparedMail {
    pub email: String,
    pub name: String,
    /// For its link, if it has one, and how long that may be used.
    pub token: Option<(OneTimeToken, Duration)>,
    /// Nothing needs to be said any more.
    pub obsolete: bool,
}

impl Identity {
    /// What a mail of this kind says to the user, at the time when it is written. One with a link gets a new token.
    ///
    /// # Errors
    /// `not-found`, `unavailable`.
    #[tracing::instrument(name = "prepare_mail", skip_all, fields(user.id = %user, kind = kind.as_str()))]
    pub async fn prepare_mail(&self, user: Uuid, kind: MailKind) -> Result<PreparedMail> {
        let user = self.user(user).await?;
        let obsolete = kind == MailKind::EmailVerification && user.email_verified;
        let token = match purpose(kind).filter(|_| !obsolete) {
            Some(purpose) => {
                let token = OneTimeToken::random();
                self.repository
                    .add_one_time_token(user.id, &token, purpose)
                    .await?;
                Some((token, purpose.lifetime()))
            }
            None => None,
        };
        Ok(PreparedMail {
            email: user.email,
            name: user.name,
            token,
            obsolete,
        })
    }
}

/// What the link of a mail is good for, if there is one.
fn purpose(kind: MailKind) -> Option<Purpose> {
    match kind {
        MailKind::EmailVerification => Some(Purpose::VerifyEmail),
        MailKind::PasswordReset => Some(Purpose::ResetPassword),
        MailKind::AlreadyRegistered
        | MailKind::PasswordChanged
        | MailKind::SecondFactorEnabled
        | MailKind::SecondFactorDisabled
        | MailKind::RecoveryCodeUsed => None,
    }
}
