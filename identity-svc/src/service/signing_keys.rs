use std::{sync::Arc, time::Duration};

use chassis::{Error, Result};
use tokio_util::sync::CancellationToken;

use super::{Identity, access_tokens};
use crate::{
    domain::Actor,
    repository::{Rotated, Takeover},
};

/// How soon a replica knows a key that another has made. A key must wait longer than that before it signs.
const RELOAD: Duration = Duration::from_secs(1);

/// Keeps up with the signing keys: other replicas make some, too, and time passes over them.
pub struct KeyKeeper(pub Arc<Identity>);

impl KeyKeeper {
    /// Until stopped. While the database is away, the keys stay as they are.
    pub async fn run(self, stop: CancellationToken) {
        let mut well = true;
        loop {
            tokio::select! {
                () = tokio::time::sleep(RELOAD) => {}
                () = stop.cancelled() => return,
            }
            let reloaded = self.0.reload_keys().await;
            if let (true, Err(error)) = (well, &reloaded) {
                tracing::warn!(?error, "the signing keys cannot be read again; trying on");
            }
            well = reloaded.is_ok();
        }
    }
}

impl Identity {
    /// Makes a new key that takes over when all who verify tokens know it, if the newest was made `if_older_than` seconds ago
    /// or before. No token fails by that.
    ///
    /// # Errors
    /// `unavailable`.
    #[tracing::instrument(name = "rotate_keys", skip_all)]
    pub async fn rotate_keys(&self, if_older_than: i64, actor: &Actor) -> Result<Rotated> {
        let new = access_tokens::random_key().map_err(Error::internal)?;
        let takeover = self.key_times.orderly(if_older_than);
        let rotated = self.repository.rotate_keys(new, takeover, actor).await?;
        self.reload_keys().await?;
        Ok(rotated)
    }

    /// How long others may keep the published keys, in seconds: who asks for them again by then knows a new one before it
    /// signs.
    #[must_use]
    pub fn keys_keep(&self) -> i64 {
        (self.key_times.lead - KeyTimes::UNSEEN).max(0)
    }

    /// Takes the keys that the database has now.
    ///
    /// # Errors
    /// `unavailable`; then they stay as they are.
    pub(super) async fn reload_keys(&self) -> Result<()> {
        let stored = self.repository.signing_keys().await?;
        self.access
            .set_keys(&stored.keys)
            .map_err(Error::internal)?;
        if stored.overdue {
            self.repository.settle_keys().await?;
        }
        Ok(())
    }
}

/// How long things about keys last, in seconds.
#[derive(Debug, Clone, Copy)]
pub struct KeyTimes {
    /// Until a new key signs.
    pub lead: i64,
    /// Life of an access token.
    pub token: i64,
}

impl KeyTimes {
    /// Clocks may differ by this much, in seconds.
    const MARGIN: i64 = 60;
    /// For so long a replica may not know of a key that another has made, in seconds; and a clock may be behind.
    const UNSEEN: i64 = 10;

    /// A takeover by which no token fails.
    #[must_use]
    pub fn orderly(self, if_older_than: i64) -> Takeover {
        Takeover::Orderly {
            if_older_than,
            lead: self.lead,
            overlap: self.token + Self::MARGIN,
        }
    }
}
