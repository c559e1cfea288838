use chassis::Result;

use super::{
    Identity, SESSION_LIFETIME, Tokens,
    proof::{Second, Unproven},
};
use crate::domain::{AccountKey, Actor, Proven, RefreshToken};

impl Identity {
    /// Opens a session for whoever knows the password and, if a second factor guards the account, a code.
    ///
    /// # Errors
    /// `invalid-credentials`, the same and after the same work for a wrong password, a disabled user, an unknown address
    /// and what is no address at all; `second-factor-required` or `invalid-code` when the password is right; `too-many-attempts`;
    /// `unavailable`.
    #[tracing::instrument(name = "sign_in", skip_all)]
    pub async fn sign_in(
        &self,
        actor: &Actor,
        email: &str,
        password: &str,
        code: Option<&str>,
    ) -> Result<Tokens> {
        let proven = self
            .prove(actor, email, password, Second::Asked(code))
            .await?
            .map_err(Unproven::by_visitor)?;
        self.admit(actor, &proven, &AccountKey::of(email)).await
    }

    /// Opens a session for somebody who has proven to be this user by all that guards the account.
    ///
    /// # Errors
    /// `invalid-credentials` if something else guards it by now, or the user was disabled; `unavailable`.
    pub(super) async fn admit(
        &self,
        actor: &Actor,
        owner: &Proven,
        account: &AccountKey,
    ) -> Result<Tokens> {
        let refresh = RefreshToken::random();
        let session = self
            .repository
            .open_session(actor, owner, account, &refresh, SESSION_LIFETIME)
            .await?;
        let session = session.ok_or_else(|| Unproven::Password.by_visitor())?;
        self.tokens(&session, refresh)
    }
}
