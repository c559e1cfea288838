use async_trait::async_trait;
use chassis::{Result, auth::Sessions};
use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::{Identity, PublicKey};
use crate::repository::EndedSession;

/// Clocks may differ by this much, in seconds.
const MARGIN: i64 = 60;

/// Whose tokens are to be trusted.
pub struct Trust {
    pub keys: Vec<PublicKey>,
    pub ended: Vec<EndedSession>,
    /// The database's time when this was so.
    pub as_of: DateTime<Utc>,
    pub access_token_seconds: i64,
}

impl Identity {
    /// The keys, and the sessions that ended after this though a token of theirs may not have expired.
    ///
    /// # Errors
    /// `unavailable`.
    pub async fn trust(&self, ended_after: DateTime<Utc>) -> Result<Trust> {
        // Not those of a second ago: who asks has heard, perhaps, that they have changed.
        self.reload_keys().await?;
        let access_token_seconds = self.access.lifetime();
        let (ended, as_of) = self
            .repository
            .ended_sessions(ended_after, access_token_seconds + MARGIN)
            .await?;
        Ok(Trust {
            keys: self.public_keys(),
            ended,
            as_of,
            access_token_seconds,
        })
    }
}

#[async_trait]
impl Sessions for Identity {
    async fn has_ended(&self, session: Uuid) -> Result<bool> {
        self.repository.has_ended(session).await
    }
}
