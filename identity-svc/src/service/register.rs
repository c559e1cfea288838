use chassis::Result;

use super::Identity;
use crate::{
    domain::{Actor, Email, Password, PersonName},
    repository::NewUser,
};

impl Identity {
    /// Makes an account for a customer. If the address has one already that one stays as it is, and the caller cannot
    /// tell: the answer is the same, and so is the hashing that takes the time.
    ///
    /// # Errors
    /// `unavailable` when the database is away or too many register at once.
    #[tracing::instrument(name = "register", skip_all)]
    pub async fn register(
        &self,
        actor: &Actor,
        email: Email,
        password: Password,
        name: PersonName,
    ) -> Result<()> {
        let password_hash = self.passwords.hash(password).await?;
        let added = self
            .repository
            .add_customer(
                actor,
                NewUser {
                    email,
                    name,
                    password_hash,
                },
            )
            .await?;
        tracing::debug!(added, "registered");
        Ok(())
    }
}
