use chassis::{Error, Result};
use uuid::Uuid;

use super::{Identity, proof::Second};
use crate::{
    domain::{Actor, Invalid, OwnerWords, Password, PasswordRule},
    repository::NewPassword,
};

impl Identity {
    /// Sets the user's password and ends all sessions but `session`, the one at hand.
    ///
    /// # Errors
    /// `not-found`; `invalid-credentials` when the current password is wrong; `validation` when the new one is too short
    /// without a second factor, or guessed easily; `account-changed`; `too-many-attempts`; `unavailable`.
    #[tracing::instrument(name = "change_password", skip_all, fields(user.id = %user))]
    pub async fn change_password(
        &self,
        actor: &Actor,
        user: Uuid,
        session: Option<Uuid>,
        current: &str,
        new: Password,
    ) -> Result<()> {
        let (account, owner) = self
            .prove_owner(actor, user, current, Second::NotAsked)
            .await?;
        let words = OwnerWords::of(&account.email, &account.name);
        let guarded = self.repository.guarding_secret(user).await?.is_some();
        let new = self.new_password(new, words, guarded).await?;
        self.repository
            .change_password(actor, &owner, &new, session)
            .await
    }

    /// What is stored of a password that somebody sets whose account a second factor guards, or does not.
    ///
    /// # Errors
    /// `validation` of the field `password`; `unavailable`.
    pub(super) async fn new_password(
        &self,
        password: Password,
        owner: OwnerWords,
        second_factor: bool,
    ) -> Result<NewPassword> {
        password
            .keeps(PasswordRule::for_account(second_factor))
            .map_err(|Invalid(detail)| Error::invalid_field("password", detail))?;
        let needs_factor = password.keeps(PasswordRule::Alone).is_err();
        let hash = self.passwords.hash(password, owner).await?;
        Ok(NewPassword { hash, needs_factor })
    }
}
