use chassis::Result;
use proto::events::identity::{USER_CHANGED, USER_REGISTERED};
use uuid::Uuid;

use super::{
    Repository, lock_administrators,
    roles::{require_roles, role_vanished},
    tell,
};
use crate::domain::{ADMIN, CUSTOMER, Email, PersonName, Refusal, RoleName, User};

/// Somebody who registers.
#[derive(Debug, Clone)]
pub struct NewUser {
    pub email: Email,
    pub name: PersonName,
    /// A PHC string.
    pub password_hash: String,
}

impl Repository {
    /// Adds a customer; false if the address has an account, which stays as it is.
    pub async fn add_customer(&self, new: NewUser) -> Result<bool> {
        let mut tx = self.pool.begin().await?;
        let id = Uuid::now_v7();
        let added = sqlx::query!(
            "insert into users (id, email, name, password_hash) values ($1, $2, $3, $4)
             on conflict (email) do nothing",
            id,
            new.email.as_str(),
            new.name.as_str(),
            new.password_hash,
        )
        .execute(&mut *tx)
        .await?
        .rows_affected();
        if added == 0 {
            return Ok(false);
        }
        sqlx::query!(
            "insert into user_roles (user_id, role) values ($1, $2)",
            id,
            CUSTOMER
        )
        .execute(&mut *tx)
        .await?;
        tell(&mut tx, USER_REGISTERED, id).await?;
        tx.commit().await?;
        Ok(true)
    }

    /// The account of an address and its password's hash.
    pub async fn credentials(&self, email: &Email) -> Result<Option<(Uuid, String)>> {
        let row = sqlx::query!(
            "select id, password_hash from users where email = $1",
            email.as_str()
        )
        .fetch_optional(&self.pool)
        .await?;
        Ok(row.map(|row| (row.id, row.password_hash)))
    }

    pub async fn user(&self, id: Uuid) -> Result<Option<User>> {
        let user = sqlx::query_as!(
            User,
            r#"select id, email, name, created_at,
                      array(select role from user_roles where user_id = id order by role) as "roles!",
                      array(select distinct permission
                              from user_roles join role_permissions using (role)
                             where user_id = id order by permission) as "permissions!"
                 from users where id = $1"#,
            id,
        )
        .fetch_optional(&self.pool)
        .await?;
        Ok(user)
    }

    /// At most `limit` users, in the order of their ids, after `after`; all of them, or the one with this address.
    pub async fn users(
        &self,
        email: Option<&Email>,
        after: Option<Uuid>,
        limit: i64,
    ) -> Result<Vec<User>> {
        let users = sqlx::query_as!(
            User,
            r#"select id, email, name, created_at,
                      array(select role from user_roles where user_id = id order by role) as "roles!",
                      array(select distinct permission
                              from user_roles join role_permissions using (role)
                             where user_id = id order by permission) as "permissions!"
                 from users
                where ($1::text is null or email = $1) and ($2::uuid is null or id > $2)
                order by id limit $3"#,
            email.map(Email::as_str),
            after,
            limit,
        )
        .fetch_all(&self.pool)
        .await?;
        Ok(users)
    }

    /// Whether somebody holds a role that permits it: a user, or a service account.
    pub async fn permitted(&self, holder: Uuid, permission: &str) -> Result<bool> {
        let permitted = sqlx::query_scalar!(
            r#"select exists (select from user_roles join role_permissions using (role)
                               where user_id = $1 and permission = $2)
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
    pub async fn set_roles(&self, user: Uuid, roles: &[RoleName]) -> Result<bool> {
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
            let administrators = sqlx::query_scalar!(
                r#"select count(*) as "n!" from user_roles where role = $1"#,
                ADMIN
            )
            .fetch_one(&mut *tx)
            .await?;
            if administrators == 0 {
                return Err(Refusal::LastAdministrator.into());
            }
        }
        let added = sqlx::query!(
            "insert into user_roles (user_id, role) select $1, unnest($2::text[]) on conflict do nothing",
            user,
            &roles,
        )
        .execute(&mut *tx)
        .await
        .map_err(role_vanished)?
        .rows_affected();
        if added > 0 || !removed.is_empty() {
            sqlx::query!("update users set version = version + 1 where id = $1", user)
                .execute(&mut *tx)
                .await?;
            tell(&mut tx, USER_CHANGED, user).await?;
        }
        tx.commit().await?;
        Ok(true)
    }
}
