use chassis::Result;
use uuid::Uuid;

use super::{Identity, users::no_such_user};
use crate::domain::{Actor, Reason, User};

impl Identity {
    /// Disables the user: no permission, no session, no way to sign in. Twice is no error.
    ///
    /// # Errors
    /// `not-found`; `last-administrator`; `unavailable`.
    #[tracing::instrument(name = "disable_user", skip_all, fields(user.id = %user))]
    pub async fn disable_user(&self, actor: &Actor, user: Uuid, reason: &Reason) -> Result<User> {
        if self.repository.disable(actor, user, reason).await? {
            self.user(user).await
        } else {
            Err(no_such_user())
        }
    }

    /// Lets a disabled user in again, with the roles held before. Twice is no error.
    ///
    /// # Errors
    /// `not-found`; `unavailable`.
    #[tracing::instrument(name = "enable_user", skip_all, fields(user.id = %user))]
    pub async fn enable_user(&self, actor: &Actor, user: Uuid) -> Result<User> {
        if self.repository.enable(actor, user).await? {
            self.user(user).await
        } else {
            Err(no_such_user())
        }
    }
}
