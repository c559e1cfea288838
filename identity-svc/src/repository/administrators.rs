use chassis::Result;
use proto::events::identity::USER_REGISTERED;
use serde_json::json;
use sqlx::PgConnection;
use uuid::Uuid;

use super::{NewUser, Repository, audit_log::record, lock_administrators, tell};
use crate::domain::{ADMIN, Action, Actor, Email};

/// What became of the administrator that the configuration names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Administrator {
    /// The account is new.
    Made,
    /// The address has an account, and there is an administrator: nothing to do.
    Kept,
    /// There is no administrator, but somebody has registered the address. Who that is nobody knows, and access tokens
    /// of the account may be about, so it does not get the role.
    AddressTaken,
}

impl Repository {
    /// Makes the administrator unless there is nothing to do. Several replicas may do so at once.
    pub async fn ensure_administrator(&self, actor: &Actor, new: NewUser) -> Result<Administrator> {
        let mut tx = self.pool.begin().await?;
        lock_administrators(&mut tx).await?;
        let id = Uuid::now_v7();
        let added = sqlx::query!(
            "insert into users (id, email, name, password_hash, email_verified_at) values ($1, $2, $3, $4, now())
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
            verify_administrator(&mut tx, &new.email).await?;
            let exists = sqlx::query_scalar!(
                r#"select exists (select from user_roles where role = $1) as "exists!""#,
                ADMIN,
            )
            .fetch_one(&mut *tx)
            .await?;
            tx.commit().await?;
            return Ok(if exists {
                Administrator::Kept
            } else {
                Administrator::AddressTaken
            });
        }
        sqlx::query!(
            "insert into user_roles (user_id, role) values ($1, $2)",
            id,
            ADMIN
        )
        .execute(&mut *tx)
        .await?;
        tell(&mut tx, USER_REGISTERED, id).await?;
        let subject = id.to_string();
        let action = Action::AdministratorMade;
        record(&mut tx, actor, action, Some(&subject), json!({})).await?;
        tx.commit().await?;
        Ok(Administrator::Made)
    }
}

/// Whoever runs the system says whose address it is: no mail needs to show it.
async fn verify_administrator(tx: &mut PgConnection, email: &Email) -> Result<()> {
    sqlx::query!(
        "update users set email_verified_at = now()
          where email = $1 and email_verified_at is null
            and exists (select from user_roles where user_id = id and role = $2)",
        email.as_str(),
        ADMIN,
    )
    .execute(tx)
    .await?;
    Ok(())
}
