use chassis::{Code, Error, Result};

use super::{Identity, Tokens};
use crate::domain::{AccountKey, Actor, Email, Limit, OneTimeToken, OwnerWords, Password, Purpose};

impl Identity {
    /// Sends a link to set a new password to the address, if it has an account; the caller cannot tell.
    ///
    /// # Errors
    /// `too-many-attempts` when the actor's address asks for too many; `unavailable`.
    #[tracing::instrument(name = "request_password_reset", skip_all)]
    pub async fn request_password_reset(&self, actor: &Actor, email: &Email) -> Result<()> {
        self.count(actor, &Limit::PASSWORD_RESETS).await?;
        self.repository.request_password_reset(actor, email).await
    }

    /// Sets the password of whoever holds the token and signs them in. Nobody who guesses at the account is in the way of
    /// that.
    ///
    /// # Errors
    /// `invalid-token`; `validation` when the password is guessed easily; `too-many-attempts`; `unavailable`.
    #[tracing::instrument(name = "reset_password", skip_all)]
    pub async fn reset_password(
        &self,
        actor: &Actor,
        token: &str,
        password: Password,
    ) -> Result<Tokens> {
        let token = OneTimeToken::parse(token);
        let holder = match &token {
            Some(token) => {
                self.repository
                    .holder(token, Purpose::ResetPassword)
                    .await?
            }
            None => None,
        };
        let (Some(token), Some(holder)) = (token, holder) else {
            return self.refuse_token(actor, invalid_token()).await;
        };
        let owner = OwnerWords::of(&holder.email, &holder.name);
        let hash = self.passwords.hash(password, owner).await?;
        let user = self.repository.reset_password(actor, &token, &hash).await?;
        let user = user.ok_or_else(invalid_token)?;
        self.admit(user, &AccountKey::of(&holder.email)).await
    }
}

/// What a link that is of no use any more is answered.
pub(super) fn invalid_token() -> Error {
    Error::new(
        Code::Invalid,
        "invalid-token",
        "the link has been used or is too old; ask for a new one",
    )
}
