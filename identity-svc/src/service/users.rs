use async_trait::async_trait;
use chassis::{Error, Result, auth::Permissions};
use uuid::Uuid;

use super::Identity;
use crate::domain::{Email, RoleName, User};

impl Identity {
    /// # Errors
    /// `not-found`, `unavailable`.
    pub async fn user(&self, id: Uuid) -> Result<User> {
        self.repository.user(id).await?.ok_or_else(no_such_user)
    }

    /// At most `limit` users, oldest first, after the one with the id `after`; all, or the one with this address.
    ///
    /// # Errors
    /// `unavailable`.
    pub async fn users(
        &self,
        email: Option<&Email>,
        after: Option<Uuid>,
        limit: i64,
    ) -> Result<Vec<User>> {
        self.repository.users(email, after, limit).await
    }

    /// Gives the user these roles and no others.
    ///
    /// # Errors
    /// `not-found`; `validation` naming each unknown role; `last-administrator`; `unavailable`.
    #[tracing::instrument(name = "set_user_roles", skip_all, fields(user.id = %user))]
    pub async fn set_user_roles(&self, user: Uuid, roles: &[RoleName]) -> Result<User> {
        if self.repository.set_roles(user, roles).await? {
            self.user(user).await
        } else {
            Err(no_such_user())
        }
    }
}

pub(super) fn no_such_user() -> Error {
    Error::not_found("there is no such user")
}

#[async_trait]
impl Permissions for Identity {
    async fn check(&self, user: Uuid, permission: &str) -> Result<bool> {
        self.repository.permitted(user, permission).await
    }
}
