use chassis::Result;
use uuid::Uuid;

use super::{Identity, password_reset::invalid_token};
use crate::domain::{Actor, OneTimeToken};

impl Identity {
    /// Notes that whoever holds the token reads the mail of the address. Again: the same.
    ///
    /// # Errors
    /// `invalid-token`; `too-many-attempts`; `unavailable`.
    #[tracing::instrument(name = "verify_email", skip_all)]
    pub async fn verify_email(&self, actor: &Actor, token: &str) -> Result<()> {
        let verified = match OneTimeToken::parse(token) {
            Some(token) => self.repository.verify_email(actor, &token).await?,
            None => false,
        };
        if verified {
            Ok(())
        } else {
            self.refuse_token(actor, invalid_token()).await
        }
    }

    /// Sends the link that verifies the address again, unless it is verified or a mail was sent a moment ago.
    ///
    /// # Errors
    /// `unavailable`.
    #[tracing::instrument(name = "request_verification", skip_all, fields(user.id = %user))]
    pub async fn request_verification(&self, user: Uuid) -> Result<()> {
        self.repository.request_verification(user).await
    }
}
