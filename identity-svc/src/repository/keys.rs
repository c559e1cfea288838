use chassis::{Error, Result};
use chrono::{DateTime, Utc};

use super::Repository;
use crate::domain::RefreshSecret;

/// An Ed25519 key that nobody has yet.
#[derive(Clone)]
pub struct NewKey {
    pub kid: String,
    pub seed: [u8; 32],
}

/// A key that signs access tokens, has signed some, or is going to.
#[derive(Clone)]
pub struct StoredKey {
    pub kid: String,
    pub seed: [u8; 32],
    pub signs_from: DateTime<Utc>,
    /// None for the newest.
    pub verifies_until: Option<DateTime<Utc>>,
}

/// The keys that there are.
pub struct SigningKeys {
    /// In the order in which they sign; at least one.
    pub keys: Vec<StoredKey>,
    /// Time has passed over one of them, and the table does not show it yet.
    pub overdue: bool,
}

impl Repository {
    /// Stores the proposed key if there is none: at the very first start. Of several replicas that start at once, one's
    /// proposal wins.
    pub async fn ensure_signing_key(&self, proposed: NewKey) -> Result<()> {
        sqlx::query!(
            "insert into signing_keys (kid, seed, active) values ($1, $2, true) on conflict do nothing",
            proposed.kid,
            &proposed.seed,
        )
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    /// The secret of refresh tokens: at the very first start the proposed one.
    pub async fn refresh_secret(&self, proposed: RefreshSecret) -> Result<RefreshSecret> {
        sqlx::query!(
            "insert into refresh_secret (secret) values ($1) on conflict do nothing",
            &proposed.0
        )
        .execute(&self.pool)
        .await?;
        let secret = sqlx::query_scalar!("select secret from refresh_secret")
            .fetch_one(&self.pool)
            .await?;
        Ok(RefreshSecret(exactly(secret)?))
    }

    /// The keys that verify, the one that signs among them, and those that are going to.
    pub async fn signing_keys(&self) -> Result<SigningKeys> {
        let rows = sqlx::query!(
            r#"select kid, seed, signs_from, verifies_until, active,
                      signs_from <= now() as "signs!", coalesce(verifies_until <= now(), false) as "retired!"
                 from signing_keys order by signs_from, created_at"#
        )
        .fetch_all(&self.pool)
        .await?;
        let signer = rows.iter().rfind(|row| row.signs);
        let overdue = rows.iter().any(|row| row.retired) || signer.is_some_and(|row| !row.active);
        let mut keys = Vec::with_capacity(rows.len());
        for row in rows {
            if !row.retired {
                keys.push(StoredKey {
                    kid: row.kid,
                    seed: exactly(row.seed)?,
                    signs_from: row.signs_from,
                    verifies_until: row.verifies_until,
                });
            }
        }
        if keys.is_empty() {
            return Err(Error::internal(anyhow::anyhow!("there is no signing key")));
        }
        Ok(SigningKeys { keys, overdue })
    }
}

/// The table's check holds the length; the error shows none of the bytes.
fn exactly<const N: usize>(bytes: Vec<u8>) -> Result<[u8; N]> {
    bytes
        .try_into()
        .map_err(|_| Error::internal(anyhow::anyhow!("a stored key has a wrong length")))
}
