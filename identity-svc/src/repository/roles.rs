use chassis::{
    Error, Result,
    error::FieldError,
    idempotency::{Answer, Once},
};
use serde_json::json;
use sqlx::PgConnection;

use super::{Repository, audit_log::record, tell_of_role};
use crate::domain::{Action, Actor, Refusal, Role, RoleDefinition, RoleName};

impl Repository {
    /// At most `limit` roles, by name, after `after`.
    pub async fn roles(&self, after: Option<&RoleName>, limit: i64) -> Result<Vec<Role>> {
        let roles = sqlx::query_as!(
            Role,
            r#"select name, array(select permission from role_permissions
                                   where role = name order by permission) as "permissions!"
                 from roles where ($1::text is null or name > $1) order by name limit $2"#,
            after.map(RoleName::as_str),
            limit,
        )
        .fetch_all(&self.pool)
        .await?;
        Ok(roles)
    }

    /// Adds a role; `once` if the caller may send the request again.
    ///
    /// # Errors
    /// [`Refusal::RoleExists`]; `idempotency-key-reused`.
    pub async fn add_role(
        &self,
        actor: &Actor,
        role: Role,
        once: Option<Once>,
    ) -> Result<Answer<Role>> {
        let mut tx = self.pool.begin().await?;
        if let Some(once) = &once {
            if let Some(made) = once.claim(&mut tx).await? {
                return Ok(Answer::again(made));
            }
            once.keep(&mut tx, &role).await?;
        }
        let added = sqlx::query!(
            "insert into roles (name) values ($1) on conflict do nothing",
            role.name
        )
        .execute(&mut *tx)
        .await?
        .rows_affected();
        if added == 0 {
            return Err(Refusal::RoleExists.into());
        }
        sqlx::query!(
            "insert into role_permissions (role, permission) select $1, unnest($2::text[])",
            role.name,
            &role.permissions,
        )
        .execute(&mut *tx)
        .await?;
        let details = json!({"permissions": role.permissions});
        record(&mut tx, actor, Action::RoleAdded, Some(&role.name), details).await?;
        tx.commit().await?;
        Ok(Answer::first(role))
    }

    /// Makes the role permit this and nothing else; `None` if there is no such role. What it permits already is no change,
    /// and no event.
    pub async fn set_permissions(
        &self,
        actor: &Actor,
        definition: RoleDefinition,
    ) -> Result<Option<Role>> {
        let role = Role::from(definition);
        let mut tx = self.pool.begin().await?;
        // Two changes of one role take turns; else the outcome could be a mixture of both.
        let found = sqlx::query!(
            "select from roles where name = $1 for no key update",
            role.name
        )
        .fetch_optional(&mut *tx)
        .await?;
        if found.is_none() {
            return Ok(None);
        }
        let removed = sqlx::query_scalar!(
            "delete from role_permissions where role = $1 and permission <> all ($2) returning permission",
            role.name,
            &role.permissions,
        )
        .fetch_all(&mut *tx)
        .await?;
        let added = sqlx::query_scalar!(
            "insert into role_permissions (role, permission) select $1, unnest($2::text[])
             on conflict do nothing returning permission",
            role.name,
            &role.permissions,
        )
        .fetch_all(&mut *tx)
        .await?;
        if !added.is_empty() || !removed.is_empty() {
            tell_of_role(&mut tx, &role).await?;
            let details = json!({"added": added, "removed": removed});
            let action = Action::RoleChanged;
            record(&mut tx, actor, action, Some(&role.name), details).await?;
        }
        tx.commit().await?;
        Ok(Some(role))
    }

    /// Deletes a role; false if there is none of this name.
    ///
    /// # Errors
    /// [`Refusal::BuiltInRole`], [`Refusal::RoleInUse`].
    pub async fn delete_role(&self, actor: &Actor, name: &RoleName) -> Result<bool> {
        let mut tx = self.pool.begin().await?;
        let deleted = sqlx::query!(
            "delete from roles where name = $1 and not built_in",
            name.as_str()
        )
        .execute(&mut *tx)
        .await
        .map_err(role_in_use)?
        .rows_affected();
        if deleted == 1 {
            let (action, subject) = (Action::RoleDeleted, Some(name.as_str()));
            record(&mut tx, actor, action, subject, json!({})).await?;
            tx.commit().await?;
            return Ok(true);
        }
        // Built-in roles stay for ever, so what is read here was so before.
        let exists = sqlx::query_scalar!(
            r#"select exists (select from roles where name = $1 and built_in) as "exists!""#,
            name.as_str(),
        )
        .fetch_one(&mut *tx)
        .await?;
        if exists {
            Err(Refusal::BuiltInRole.into())
        } else {
            Ok(false)
        }
    }
}

fn role_in_use(error: sqlx::Error) -> Error {
    match chassis::postgres::constraint(&error) {
        Some("user_roles_role_fkey" | "service_account_roles_role_fkey") => {
            Refusal::RoleInUse.into()
        }
        _ => error.into(),
    }
}

/// # Errors
/// `validation` naming each role that there is not.
pub(super) async fn require_roles(tx: &mut PgConnection, roles: &[String]) -> Result<()> {
    let unknown = sqlx::query_scalar!(
        r#"select place as "place!" from unnest($1::text[]) with ordinality as given (role, place)
            where not exists (select from roles where name = role) order by place"#,
        roles,
    )
    .fetch_all(tx)
    .await?;
    if unknown.is_empty() {
        return Ok(());
    }
    let no_such_role = |place: i64| FieldError {
        field: format!("roles[{}]", place - 1),
        detail: "there is no such role".to_owned(),
    };
    Err(Error::invalid(
        unknown.into_iter().map(no_such_role).collect(),
    ))
}

/// A role that was deleted between the check and the insert.
pub(super) fn role_vanished(error: sqlx::Error) -> Error {
    match chassis::postgres::constraint(&error) {
        Some("user_roles_role_fkey" | "service_account_roles_role_fkey") => {
            Error::invalid_field("roles", "a role was deleted meanwhile")
        }
        _ => error.into(),
    }
}
