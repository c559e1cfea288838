use chassis::{Code, Error, Result};
use uuid::Uuid;

use super::{Identity, SESSION_LIFETIME, Tokens};
use crate::domain::{AccountKey, Actor, RefreshToken};

impl Identity {
    /// Opens a session for whoever knows the password.
    ///
    /// # Errors
    /// `invalid-credentials`, the same and after the same work for a wrong password, an unknown address and what is no
    /// address at all; `too-many-attempts`; `unavailable`.
    #[tracing::instrument(name = "sign_in", skip_all)]
    pub async fn sign_in(&self, actor: &Actor, email: &str, password: &str) -> Result<Tokens> {
        match self.proven_by_password(actor, email, password).await? {
            Some(user) => self.admit(user, &AccountKey::of(email)).await,
            None => Err(Error::new(
                Code::Unauthenticated,
                "invalid-credentials",
                "the e-mail address or the password is wrong",
            )),
        }
    }

    /// Opens a session for somebody who has proven to be this user by all that guards the account.
    pub(super) async fn admit(&self, user: Uuid, account: &AccountKey) -> Result<Tokens> {
        let refresh = RefreshToken::random();
        let session = self
            .repository
            .open_session(user, account, &refresh, SESSION_LIFETIME)
            .await?;
        self.tokens(&session, refresh)
    }
}
