use chassis::{Code, Error, Result};
use uuid::Uuid;

use super::Identity;
use crate::domain::{Actor, OwnerWords, Password};

impl Identity {
    /// Sets the user's password and ends all sessions but `session`, the one at hand.
    ///
    /// # Errors
    /// `not-found`; `invalid-credentials` when the current password is wrong; `validation` when the new one is guessed
    /// easily; `too-many-attempts`; `unavailable`.
    #[tracing::instrument(name = "change_password", skip_all, fields(user.id = %user))]
    pub async fn change_password(
        &self,
        actor: &Actor,
        user: Uuid,
        session: Option<Uuid>,
        current: &str,
        new: Password,
    ) -> Result<()> {
        let account = self.user(user).await?;
        let proven = self
            .proven_by_password(actor, &account.email, current)
            .await?;
        if proven != Some(user) {
            return Err(Error::new(
                Code::PermissionDenied,
                "invalid-credentials",
                "the current password is wrong",
            ));
        }
        let owner = OwnerWords::of(&account.email, &account.name);
        let hash = self.passwords.hash(new, owner).await?;
        self.repository
            .change_password(actor, user, &hash, session)
            .await
    }
}
