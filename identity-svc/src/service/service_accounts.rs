use chassis::{Error, Result, auth::ClientSecret};
use uuid::Uuid;

use super::Identity;
use crate::domain::{AccountName, AccountSecret, Actor, RoleName, ServiceAccount};

impl Identity {
    /// Adds a service account that holds these roles; with its first secret, which nobody can see again.
    ///
    /// # Errors
    /// `validation` naming each unknown role; `account-exists`; `unavailable`.
    #[tracing::instrument(name = "add_service_account", skip_all)]
    pub async fn add_service_account(
        &self,
        actor: &Actor,
        name: &AccountName,
        roles: &[RoleName],
    ) -> Result<(ServiceAccount, ClientSecret)> {
        let secret = ClientSecret::random();
        let id = self
            .repository
            .add_service_account(actor, name, roles, &secret.hash())
            .await?;
        Ok((self.service_account(id).await?, secret))
    }

    /// # Errors
    /// `not-found`, `unavailable`.
    pub async fn service_account(&self, id: Uuid) -> Result<ServiceAccount> {
        let found = self.repository.service_accounts(Some(id), None, 1).await?;
        found.into_iter().next().ok_or_else(no_such_account)
    }

    /// At most `limit` accounts, oldest first, after the one with the id `after`.
    ///
    /// # Errors
    /// `unavailable`.
    pub async fn service_accounts(
        &self,
        after: Option<Uuid>,
        limit: i64,
    ) -> Result<Vec<ServiceAccount>> {
        self.repository.service_accounts(None, after, limit).await
    }

    /// Gives the account these roles and no others.
    ///
    /// # Errors
    /// `not-found`; `validation` naming each unknown role; `unavailable`.
    #[tracing::instrument(name = "set_account_roles", skip_all, fields(account.id = %account))]
    pub async fn set_account_roles(
        &self,
        actor: &Actor,
        account: Uuid,
        roles: &[RoleName],
    ) -> Result<ServiceAccount> {
        let repository = &self.repository;
        if repository.set_account_roles(actor, account, roles).await? {
            self.service_account(account).await
        } else {
            Err(no_such_account())
        }
    }

    /// Adds a secret, so that the one before can be given up when the program has this one.
    ///
    /// # Errors
    /// `not-found`, `too-many-secrets`, `unavailable`.
    #[tracing::instrument(name = "add_account_secret", skip_all, fields(account.id = %account))]
    pub async fn add_account_secret(
        &self,
        actor: &Actor,
        account: Uuid,
    ) -> Result<(AccountSecret, ClientSecret)> {
        let secret = ClientSecret::random();
        let added = self
            .repository
            .add_account_secret(actor, account, &secret.hash())
            .await?;
        Ok((added.ok_or_else(no_such_account)?, secret))
    }

    /// Ends a secret and the access tokens that were issued for it. Ending one twice is no error.
    ///
    /// # Errors
    /// `not-found`, `unavailable`.
    #[tracing::instrument(name = "end_account_secret", skip_all, fields(account.id = %account))]
    pub async fn end_account_secret(
        &self,
        actor: &Actor,
        account: Uuid,
        secret: Uuid,
    ) -> Result<()> {
        let repository = &self.repository;
        if repository
            .end_account_secret(actor, account, secret)
            .await?
        {
            Ok(())
        } else {
            Err(Error::not_found("there is no such secret"))
        }
    }

    /// Deletes an account; its access tokens end.
    ///
    /// # Errors
    /// `not-found`, `unavailable`.
    #[tracing::instrument(name = "delete_service_account", skip_all, fields(account.id = %account))]
    pub async fn delete_service_account(&self, actor: &Actor, account: Uuid) -> Result<()> {
        if self
            .repository
            .delete_service_account(actor, account)
            .await?
        {
            Ok(())
        } else {
            Err(no_such_account())
        }
    }
}

fn no_such_account() -> Error {
    Error::not_found("there is no such service account")
}
