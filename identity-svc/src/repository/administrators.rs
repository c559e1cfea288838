use chassis::Result;
use proto::events::identity::{USER_CHANGED, USER_REGISTERED};
use uuid::Uuid;

use super::{NewUser, Repository, lock_administrators, tell};
use crate::domain::ADMIN;

/// What became of the administrator that the configuration names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Administrator {
    /// The account is new.
    Made,
    /// There was no administrator, but somebody had registered the address: the account got the configured password and
    /// the role, and lost its sessions, for who registered it proved nothing.
    TakenOver,
    /// The address has an account, and there is an administrator: nothing to do.
    Kept,
}

impl Repository {
    /// Makes the administrator unless there is nothing to do. Several replicas may do so at once.
    pub async fn ensure_administrator(&self, new: NewUser) -> Result<Administrator> {
        let mut tx = self.pool.begin().await?;
        lock_administrators(&mut tx).await?;
        let Some(user) = sqlx::query!(
            "insert into users (id, email, name, password_hash) values ($1, $2, $3, $4)
             on conflict (email) do update
                set password_hash = excluded.password_hash, version = users.version + 1
              where not exists (select from user_roles where role = $5)
             returning id, version",
            Uuid::now_v7(),
            new.email.as_str(),
            new.name.as_str(),
            new.password_hash,
            ADMIN,
        )
        .fetch_optional(&mut *tx)
        .await?
        else {
            return Ok(Administrator::Kept);
        };
        sqlx::query!(
            "insert into user_roles (user_id, role) values ($1, $2)",
            user.id,
            ADMIN
        )
        .execute(&mut *tx)
        .await?;
        let (outcome, event) = if user.version == 1 {
            (Administrator::Made, USER_REGISTERED)
        } else {
            sqlx::query!("delete from refresh_families where user_id = $1", user.id)
                .execute(&mut *tx)
                .await?;
            (Administrator::TakenOver, USER_CHANGED)
        };
        tell(&mut tx, event, user.id).await?;
        tx.commit().await?;
        Ok(outcome)
    }
}
