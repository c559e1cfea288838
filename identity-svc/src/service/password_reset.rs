use chassis::{Code, Error, Result};

use super::{Identity, Tokens, proof::Unproven};
use crate::{
    domain::{AccountKey, Actor, Email, Limit, OneTimeToken, OwnerWords, Password, Purpose},
    repository::Holder,
};

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

    /// Sets the password of whoever holds the token and, if a second factor guards the account, knows a code; and signs
    /// them in. Nobody who guesses at the account is in the way of that.
    ///
    /// # Errors
    /// `invalid-token`; `validation` when the password is too short or guessed easily; `second-factor-required` or
    /// `invalid-code`, and the token stays good; `account-changed`; `too-many-attempts`; `unavailable`.
    #[tracing::instrument(name = "reset_password", skip_all)]
    pub async fn reset_password(
        &self,
        actor: &Actor,
        token: &str,
        password: Password,
        code: Option<&str>,
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
        let words = OwnerWords::of(&holder.email, &holder.name);
        let guarded = self.repository.guarding_secret(holder.id).await?.is_some();
        if guarded && code.is_none() {
            return Err(Unproven::CodeNeeded.by_visitor());
        }
        // First, so that a password that is not acceptable costs no code.
        let new = self.new_password(password, words, guarded).await?;
        let account = AccountKey::of(&holder.email);
        if guarded {
            self.prove_code_beside(&token, actor, &holder, code).await?;
        }
        let owner = self
            .repository
            .reset_password(actor, &token, &holder.owner(), &new)
            .await?
            .ok_or_else(invalid_token)?;
        self.admit(actor, &owner, &account).await
    }

    /// Requires a good code of whoever has the token. How many they may try is the token's matter: if guesses at the
    /// account were, anybody could keep its owner out.
    async fn prove_code_beside(
        &self,
        token: &OneTimeToken,
        actor: &Actor,
        holder: &Holder,
        code: Option<&str>,
    ) -> Result<()> {
        if !self.repository.count_try(token).await? {
            return Err(invalid_token());
        }
        let proof = self.prove_code(actor, holder.id, code).await?;
        if proof == Err(Unproven::Code) {
            let (account, limit) = (AccountKey::of(&holder.email), self.limit(&Limit::FAILURES));
            self.repository
                .note_failure(actor, None, &account, Some(holder.id), limit)
                .await?;
        }
        proof.map_err(Unproven::by_visitor)
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
