use chassis::Result;
use proto::events::identity::USER_CHANGED;
use serde_json::json;
use uuid::Uuid;

use super::{
    Repository,
    audit_log::record,
    lock_administrators, require_administrator,
    roles::{require_roles, role_vanished},
    tell,
};
use crate::domain::{ADMIN, Action, Actor, Email, PersonName, RoleName, User};

/// Somebody who registers.
#[derive(Debug, Clone)]
pub struct NewUser {
    pub email: Email,
    pub name: PersonName,
    /// A PHC string.
    pub password_hash: String,
}

impl Repository {
    pub async fn user(&self, id: Uuid) -> Result<Option<User>> {
        let user = sqlx::query_as!(
            User,
            r#"select id, email, name, email_verified_at is not null as "email_verified!", created_at,
                      disabled_at is not null as "disabled!",
                      array(select role from user_roles where user_id = id order by role) as "roles!",
                      array(select distinct permission
                              from user_roles join role_permissions using (role)
                             where user_id = id and disabled_at is null order by permission) as "permissions!"
                 from users where id = $1"#,
            id,
        )
        .fetch_optional(&self.pool)
        .await?;
        Ok(user)
    }

    /// At most `limit` users, in the order of their ids, after `after`; all of them, or the one with this address, or only
    /// those that are disabled or are not.
    pub async fn users(
        &self,
        email: Option<&Email>,
        disabled: Option<bool>,
        after: Option<Uuid>,
        limit: i64,
    ) -> Result<Vec<User>> {
        let users = sqlx::query_as!(
            User,
            r#"select id, email, name, email_verified_at is not null as "email_verified!", created_at,
                      disabled_at is not null as "disabled!",
                      array(select role from user_roles where user_id = id order by role) as "roles!",
                      array(select distinct permission
                              from user_roles join role_permissions using (role)
                             where user_id = id and disabled_at is null order by permission) as "permissions!"
                 from users
                where ($1::text is null or email = $1) and ($2::uuid is null or id > $2)
                  and ($3::boolean is null or (disabled_at is not null) = $3)
                order by id limit $4"#,
            email.map(Email::as_str),
            after,
            disabled,
            limit,
        )
        .fetch_all(&self.pool)
        .await?;
        Ok(users)
    }

    /// Whether somebody holds a role that permits it: a user who is not disabled, or a service account.
    pub async fn permitted(&self, holder: Uuid, permission: &str) -> Result<bool> {
        let permitted = sqlx::query_scalar!(
            r#"select exists (select from users join user_roles on user_id = id join role_permissions using (role)
                               where id = $1 and disabled_at is null and permission = $2)
                   or exists (select from service_account_roles join role_permissions using (role)
                               where account_id = $1 and permission = $2) as "permitted!""#,
            holder,
            permission,
        )
        .fetch_one(&self.pool)
        .await?;
        Ok(permitted)
    }

    /// Gives the user these roles and no others; false if there is no such user. Roles held already are no change, and
    /// no event.
    ///
    /// # Errors
    /// `validation` naming each unknown role; [`Refusal::LastAdministrator`].
    pub async fn set_roles(&self, actor: &Actor, user: Uuid, roles: &[RoleName]) -> Result<bool> {
        let roles: Vec<String> = roles.iter().map(|role| role.as_str().to_owned()).collect();
        let mut tx = self.pool.begin().await?;
        lock_administrators(&mut tx).await?;
        let found = sqlx::query!("select from users where id = $1 for no key update", user)
            .fetch_optional(&mut *tx)
            .await?;
        if found.is_none() {
            return Ok(false);
        }
        require_roles(&mut tx, &roles).await?;
        let removed = sqlx::query_scalar!(
            "delete from user_roles where user_id = $1 and role <> all ($2) returning role",
            user,
            &roles,
        )
        .fetch_all(&mut *tx)
        .await?;
        if removed.iter().any(|role| role == ADMIN) {
            require_administrator(&mut tx).await?;
        }
        let added = sqlx::query_scalar!(
            "insert into user_roles (user_id, role) select $1, unnest($2::text[])
             on conflict do nothing returning role",
            user,
            &roles,
        )
        .fetch_all(&mut *tx)
        .await
        .map_err(role_vanished)?;
        if !added.is_empty() || !removed.is_empty() {
            sqlx::query!("update users set version = version + 1 where id = $1", user)
                .execute(&mut *tx)
                .await?;
            tell(&mut tx, USER_CHANGED, user).await?;
            let subject = user.to_string();
            let details = json!({"added": added, "removed": removed});
            record(&mut tx, actor, Action::RolesSet, Some(&subject), details).await?;
        }
        tx.commit().await?;
        Ok(true)
    }
}
