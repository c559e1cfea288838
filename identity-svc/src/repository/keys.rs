use chassis::{Error, Result};

use super::Repository;
use crate::domain::RefreshSecret;

/// An Ed25519 key.
#[derive(Clone)]
pub struct StoredKey {
    pub kid: String,
    pub seed: [u8; 32],
}

/// All that access and refresh tokens are made with.
pub struct Keys {
    /// Signs.
    pub active: StoredKey,
    /// Verify; the active one among them.
    pub published: Vec<StoredKey>,
    pub refresh: RefreshSecret,
}

impl Repository {
    /// The keys in use. At the very first start these are the proposed ones; of several replicas that start at once,
    /// one's proposals win and all get them.
    pub async fn keys(&self, proposed: StoredKey, secret: RefreshSecret) -> Result<Keys> {
        sqlx::query!(
            "insert into signing_keys (kid, seed, active) values ($1, $2, true) on conflict do nothing",
            proposed.kid,
            &proposed.seed,
        )
        .execute(&self.pool)
        .await?;
        sqlx::query!(
            "insert into refresh_secret (secret) values ($1) on conflict do nothing",
            &secret.0
        )
        .execute(&self.pool)
        .await?;

        let rows = sqlx::query!("select kid, seed, active from signing_keys order by created_at")
            .fetch_all(&self.pool)
            .await?;
        let mut active = None;
        let mut published = Vec::with_capacity(rows.len());
        for row in rows {
            let key = StoredKey {
                kid: row.kid,
                seed: exactly(row.seed)?,
            };
            if row.active {
                active = Some(key.clone());
            }
            published.push(key);
        }
        let refresh = sqlx::query_scalar!("select secret from refresh_secret")
            .fetch_one(&self.pool)
            .await?;
        Ok(Keys {
            active: active
                .ok_or_else(|| Error::internal(anyhow::anyhow!("no signing key is active")))?,
            published,
            refresh: RefreshSecret(exactly(refresh)?),
        })
    }
}

/// The table's check holds the length; the error shows none of the bytes.
fn exactly<const N: usize>(bytes: Vec<u8>) -> Result<[u8; N]> {
    bytes
        .try_into()
        .map_err(|_| Error::internal(anyhow::anyhow!("a stored key has a wrong length")))
}
