use chassis::{
    Error, Result,
    idempotency::{Answer, IdempotencyKey, Once},
};
use uuid::Uuid;

use super::Identity;
use crate::domain::{Actor, Role, RoleDefinition, RoleName};

impl Identity {
    /// At most `limit` roles, by name, after the one called `after`.
    ///
    /// # Errors
    /// `unavailable`.
    pub async fn roles(&self, after: Option<&RoleName>, limit: i64) -> Result<Vec<Role>> {
        self.repository.roles(after, limit).await
    }

    /// Adds a role. The same call of the same caller with the same key is answered as it was.
    ///
    /// # Errors
    /// `role-exists`, `idempotency-key-reused`, `unavailable`.
    #[tracing::instrument(name = "add_role", skip_all)]
    pub async fn add_role(
        &self,
        actor: &Actor,
        definition: RoleDefinition,
        caller: Uuid,
        key: Option<IdempotencyKey>,
    ) -> Result<Answer<Role>> {
        let role = Role::from(definition);
        let once = key
            .map(|key| Once::new(caller, key, "POST /v1/roles", &role))
            .transpose()?;
        self.repository.add_role(actor, role, once).await
    }

    /// Makes a role permit this and nothing else.
    ///
    /// # Errors
    /// `not-found`, `unavailable`.
    #[tracing::instrument(name = "change_role", skip_all)]
    pub async fn change_role(&self, actor: &Actor, definition: RoleDefinition) -> Result<Role> {
        self.repository
            .set_permissions(actor, definition)
            .await?
            .ok_or_else(no_such_role)
    }

    /// # Errors
    /// `not-found`, `built-in-role`, `role-in-use`, `unavailable`.
    #[tracing::instrument(name = "delete_role", skip_all)]
    pub async fn delete_role(&self, actor: &Actor, name: &str) -> Result<()> {
        let name = RoleName::parse(name).map_err(|_| no_such_role())?;
        if self.repository.delete_role(actor, &name).await? {
            Ok(())
        } else {
            Err(no_such_role())
        }
    }
}

fn no_such_role() -> Error {
    Error::not_found("there is no such role")
}
