use chassis::Result;

use super::Repository;
use crate::domain::{Email, Proven};

/// What opens an account.
#[derive(Clone)]
pub struct Credentials {
    /// Whoever knows the password is this, as far as the password goes.
    pub owner: Proven,
    /// A PHC string; None if the user is disabled, whom no password lets in.
    pub password_hash: Option<String>,
}

impl Repository {
    /// What opens the account of an address.
    pub async fn credentials(&self, email: &Email) -> Result<Option<Credentials>> {
        let row = sqlx::query!(
            "select id, guard_version, case when disabled_at is null then password_hash end as password_hash
               from users where email = $1",
            email.as_str()
        )
        .fetch_optional(&self.pool)
        .await?;
        Ok(row.map(|row| Credentials {
            owner: Proven {
                user: row.id,
                guard_version: row.guard_version,
            },
            password_hash: row.password_hash,
        }))
    }
}
