use chassis::{Code, Error, Result};

use super::{Identity, SESSION_LIFETIME, Tokens};
use crate::domain::{Email, Password, RefreshToken};

impl Identity {
    /// Opens a session for whoever knows the password.
    ///
    /// # Errors
    /// `invalid-credentials`, the same and after the same work for a wrong password, an unknown address and what is no
    /// address at all; `unavailable`.
    #[tracing::instrument(name = "sign_in", skip_all)]
    pub async fn sign_in(&self, email: &str, password: &str) -> Result<Tokens> {
        let account = match Email::parse(email) {
            Ok(email) => self.repository.credentials(&email).await?,
            Err(_) => None,
        };
        let (user, hash) = account.unzip();
        let verified = self
            .passwords
            .verify(Password::attempt(password), hash)
            .await?;
        let Some(user) = user.filter(|_| verified) else {
            return Err(Error::new(
                Code::Unauthenticated,
                "invalid-credentials",
                "the e-mail address or the password is wrong",
            ));
        };
        let refresh = RefreshToken::random();
        let session = self
            .repository
            .open_session(user, &refresh, SESSION_LIFETIME)
            .await?;
        self.tokens(&session, refresh)
    }
}
