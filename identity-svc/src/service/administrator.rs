use anyhow::bail;

use super::Identity;
use crate::{
    domain::{Actor, Email, OwnerWords, Password, PersonName},
    repository::{Administrator, NewUser},
};

impl Identity {
    /// Makes the administrator that the configuration names, at the first start; later starts change nothing.
    ///
    /// # Errors
    /// When the database is away, or somebody else has registered the address before there was any administrator.
    pub async fn ensure_administrator(
        &self,
        email: Email,
        password: Password,
    ) -> anyhow::Result<()> {
        let name = PersonName::administrator();
        let owner = OwnerWords::of(email.as_str(), name.as_str());
        let new = NewUser {
            email,
            name,
            password_hash: self.passwords.hash(password, owner).await?,
        };
        let system = Actor::system();
        match self.repository.ensure_administrator(&system, new).await? {
            Administrator::Made => tracing::info!("the administrator of ADMIN_EMAIL was made"),
            Administrator::Kept => tracing::debug!("the address in ADMIN_EMAIL has an account"),
            Administrator::AddressTaken => bail!(
                "bad configuration: ADMIN_EMAIL: somebody has registered this address as a customer; name another"
            ),
        }
        Ok(())
    }
}
