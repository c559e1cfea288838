use chassis::Result;

use super::Identity;
use crate::domain::{Actor, RefreshToken};

impl Identity {
    /// Ends the session of a refresh token. Ending one twice, or one that never was, is no error.
    ///
    /// # Errors
    /// `unavailable` when the database is away.
    #[tracing::instrument(name = "sign_out", skip_all)]
    pub async fn sign_out(&self, actor: &Actor, token: &str) -> Result<()> {
        match RefreshToken::parse(token) {
            Some(token) => self.repository.end_session(actor, &token).await,
            None => Ok(()),
        }
    }
}
