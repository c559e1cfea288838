use chassis::{Error, Result, error::FieldError};
use proto::events::identity::{USER_CHANGED, USER_REGISTERED};
use serde_json::json;
use uuid::Uuid;

use super::{Repository, audit_log::record, lock_administrators, require_administrator, tell};
use crate::domain::{ADMIN, Action, Actor, CUSTOMER, Email, PersonName, RoleName, User};

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
    pub async fn add_customer(&self, actor: &Actor, new: NewUser) -> Result<bool> {
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
        let subject = id.to_string();
        let action = Action::UserRegistered;
        record(&mut tx, actor, action, Some(&subject), json!({})).await?;
        tx.commit().await?;
        Ok(true)
    }

    /// The account of an address and its password's hash; no password is right for one that is disabled.
    pub async fn credentials(&self, email: &Email) -> Result<Option<(Uuid, Option<String>)>> {
        let row = sqlx::query!(
            "select id, case when disabled_at is null then password_hash end as password_hash
               from users where email = $1",
            email.as_str()
        )
        .fetch_optional(&self.pool)
        .await?;
        Ok(row.map(|row| (row.id, row.password_hash)))
    }

    /// Notes that somebody could not sign in. `user` is whose account it is, if it is somebody's: what is done is the
    /// same.
    pub async fn note_failed_sign_in(&self, actor: &Actor, user: Option<Uuid>) -> Result<()> {
        let mut conn = self.pool.acquire().await?;
        let subject = user.map(|user| user.to_string());
        let (action, subject) = (Action::SignInFailed, subject.as_deref());
        record(&mut conn, actor, action, subject, json!({})).await
    }

    pub async fn user(&self, id: Uuid) -> Result<Option<User>> {
        let user = sqlx::query_as!(
            User,
            r#"select id, email, name, created_at, disabled_at is not null as "disabled!",
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
            r#"select id, email, name, created_at, disabled_at is not null as "disabled!",
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

    /// Whether the user holds a role that permits it, and is not disabled.
    pub async fn permitted(&self, user: Uuid, permission: &str) -> Result<bool> {
        let permitted = sqlx::query_scalar!(
            r#"select exists (select from users join user_roles on user_id = id join role_permissions using (role)
                               where id = $1 and disabled_at is null and permission = $2) as "permitted!""#,
            user,
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
        let unknown = sqlx::query_scalar!(
            r#"select place as "place!" from unnest($1::text[]) with ordinality as given (role, place)
                where not exists (select from roles where name = role) order by place"#,
            &roles,
        )
        .fetch_all(&mut *tx)
        .await?;
        if !unknown.is_empty() {
            return Err(Error::invalid(
                unknown.into_iter().map(unknown_role).collect(),
            ));
        }
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

fn unknown_role(place: i64) -> FieldError {
    FieldError {
        field: format!("roles[{}]", place - 1),
        detail: "there is no such role".to_owned(),
    }
}

/// A role that was deleted between the check and the insert.
fn role_vanished(error: sqlx::Error) -> Error {
    match chassis::postgres::constraint(&error) {
        Some("user_roles_role_fkey") => {
            Error::invalid_field("roles", "a role was deleted meanwhile")
        }
        _ => error.into(),
    }
}
