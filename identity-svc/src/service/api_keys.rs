use chassis::{
    Error, Result,
    auth::{self, ClientSecret},
};
use uuid::Uuid;

use super::Identity;
use crate::domain::{Actor, ApiKey, NewApiKey};

impl Identity {
    /// Adds a key of a user; with its text, which nobody can see again.
    ///
    /// # Errors
    /// `too-many-api-keys`, `unavailable`.
    #[tracing::instrument(name = "add_api_key", skip_all, fields(user.id = %user))]
    pub async fn add_api_key(
        &self,
        actor: &Actor,
        user: Uuid,
        new: &NewApiKey,
    ) -> Result<(ApiKey, String)> {
        let secret = ClientSecret::random();
        let key = self
            .repository
            .add_api_key(actor, user, new, &secret.hash())
            .await?
            .ok_or_else(|| Error::unauthenticated("this account is no more"))?;
        let text = auth::ApiKey { id: key.id, secret }.encode();
        Ok((key, text))
    }

    /// At most `limit` keys of a user that are in force, oldest first, after the one with the id `after`.
    ///
    /// # Errors
    /// `unavailable`.
    pub async fn api_keys(
        &self,
        user: Uuid,
        after: Option<Uuid>,
        limit: i64,
    ) -> Result<Vec<ApiKey>> {
        self.repository.api_keys(user, after, limit).await
    }

    /// Ends a key of a user, and the access tokens that were issued for it. Ending one twice is no error.
    ///
    /// # Errors
    /// `not-found`, `unavailable`.
    #[tracing::instrument(name = "end_api_key", skip_all, fields(user.id = %user))]
    pub async fn end_api_key(&self, actor: &Actor, user: Uuid, key: Uuid) -> Result<()> {
        if self.repository.end_api_key(actor, user, key).await? {
            Ok(())
        } else {
            Err(Error::not_found("there is no such API key"))
        }
    }
}
