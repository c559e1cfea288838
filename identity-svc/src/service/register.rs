use chassis::Result;

use super::Identity;
use crate::{
    domain::{Actor, Email, Limit, OwnerWords, Password, PersonName},
    repository::NewUser,
};

impl Identity {
    /// Makes an account for a customer. If the address has one already that one stays as it is, and the caller cannot
    /// tell: the answer is the same, and so is the work. Either way the address gets a mail.
    ///
    /// # Errors
    /// `validation` when the password is guessed easily; `too-many-attempts`; `unavailable` when the database is away or too many register at once.
    #[tracing::instrument(name = "register", skip_all)]
    pub async fn register(
        &self,
        actor: &Actor,
        email: Email,
        password: Password,
        name: PersonName,
    ) -> Result<()> {
        self.count(actor, &Limit::REGISTRATIONS).await?;
        let owner = OwnerWords::of(email.as_str(), name.as_str());
        let password_hash = self.passwords.hash(password, owner).await?;
        let new = NewUser {
            email,
            name,
            password_hash,
        };
        self.repository.register(actor, new).await
    }
}
