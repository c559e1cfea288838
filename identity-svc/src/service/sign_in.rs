use chassis::{Code, Error, Result};

use super::{Identity, SESSION_LIFETIME, Tokens};
use crate::domain::{Actor, Email, Password, RefreshToken};

impl Identity {
    /// Opens a session for whoever knows the password.
    ///
    /// # Errors
    /// `invalid-credentials`, the same and after the same work for a wrong password, a disabled user, an unknown
    /// address and what is no address at all; `unavailable`.
    #[tracing::instrument(name = "sign_in", skip_all)]
    pub async fn sign_in(&self, actor: &Actor, email: &str, password: &str) -> Result<Tokens> {
        let account = match Email::parse(email) {
            Ok(email) => self.repository.credentials(&email).await?,
            Err(_) => None,
        };
        let (user, hash) = account.unzip();
        let verified = self
            .passwords
            .verify(Password::attempt(password), hash.flatten())
            .await?;
        let refresh = RefreshToken::random();
        let session = match user.filter(|_| verified) {
            Some(user) => {
                self.repository
                    .open_session(actor, user, &refresh, SESSION_LIFETIME)
                    .await?
            }
            None => None,
        };
        let Some(session) = session else {
            self.repository.note_failed_sign_in(actor, user).await?;
            return Err(Error::new(
                Code::Unauthenticated,
                "invalid-credentials",
                "the e-mail address or the password is wrong",
            ));
        };
        self.tokens(&session, refresh)
    }
}
