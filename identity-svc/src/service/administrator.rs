use chassis::Result;

use super::Identity;
use crate::{
    domain::{Email, Password, PersonName},
    repository::{Administrator, NewUser},
};

impl Identity {
    /// Makes the administrator that the configuration names, at the first start; later starts change nothing.
    ///
    /// # Errors
    /// `unavailable` when the database is away.
    pub async fn ensure_administrator(&self, email: Email, password: Password) -> Result<()> {
        let name = PersonName::administrator();
        let password_hash = self.passwords.hash(password).await?;
        let outcome = self
            .repository
            .ensure_administrator(NewUser {
                email,
                name,
                password_hash,
            })
            .await?;
        match outcome {
            Administrator::Made => tracing::info!("the administrator of ADMIN_EMAIL was made"),
            Administrator::TakenOver => {
                tracing::warn!(
                    "the address in ADMIN_EMAIL was registered already; its account is now the administrator's, \
                     with the configured password"
                );
            }
            Administrator::Kept => {}
        }
        Ok(())
    }
}
