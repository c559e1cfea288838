use chassis::{Code, Error, Result};

use super::{Identity, Tokens};
use crate::{
    domain::{Actor, RefreshToken},
    repository::{Refreshed, Session},
};

/// Seconds in which a spent token still gets its successor: the client whose answer was lost is no thief.
const GRACE: i64 = 10;

impl Identity {
    /// Spends a refresh token for a new access token and the successor of the refresh token.
    ///
    /// # Errors
    /// `invalid-refresh-token` when it is unknown, expired, revoked, or was spent longer ago than the grace: then
    /// somebody has a copy of it, and the whole session is revoked; `too-many-attempts`; `unavailable`.
    #[tracing::instrument(name = "refresh", skip_all)]
    pub async fn refresh(&self, actor: &Actor, token: &str) -> Result<Tokens> {
        let refused = || {
            Error::new(
                Code::Unauthenticated,
                "invalid-refresh-token",
                "the refresh token is not valid any more; sign in again",
            )
        };
        let Some(token) = RefreshToken::parse(token) else {
            return self.refuse_token(actor, refused()).await;
        };
        let successor = token.successor(&self.refresh_secret);
        let refreshed = self
            .repository
            .rotate(actor, &token, &successor, GRACE)
            .await?;
        match refreshed {
            Refreshed::By(session) => self.tokens(&session, successor),
            Refreshed::Reused(Session { user_id, .. }) => {
                metrics::counter!("identity_refresh_tokens_reused_total").increment(1);
                tracing::warn!(user.id = %user_id, "a spent refresh token came again; its session is revoked");
                Err(refused())
            }
            Refreshed::Refused if self.repository.was_issued(&token).await? => Err(refused()),
            Refreshed::Refused => self.refuse_token(actor, refused()).await,
        }
    }
}
