//! The use cases.

mod access_tokens;
mod administrator;
mod api_keys;
mod audit_log;
mod disabling;
mod email_verification;
mod issue_token;
mod mails;
mod our_services;
mod password_change;
mod password_reset;
mod passwords;
mod proof;
mod refresh;
mod register;
mod roles;
mod second_factor;
mod service_accounts;
mod sessions;
mod sign_in;
mod sign_out;
mod signing_keys;
mod throttle;
mod trust;
mod users;

use chassis::{Result, auth::secrets::SystemSecret};

pub use access_tokens::{AccessTokens, CLIENT_ID, PublicKey, random_key};
pub use issue_token::invalid_client;
pub use our_services::ClientToken;
pub use passwords::Passwords;
pub use signing_keys::{KeyKeeper, KeyTimes};
pub use throttle::RateLimits;

// What use cases show as it is stored.
pub use crate::repository::{AuditEntry, LiveSession, SecondFactor};
use crate::{
    domain::{RefreshSecret, RefreshToken},
    repository::{Repository, Session},
};

/// A sign-in lasts this long at most, in seconds: 30 days, however often it is refreshed.
const SESSION_LIFETIME: i64 = 30 * 24 * 60 * 60;

/// See the module's documentation.
pub struct Identity {
    repository: Repository,
    passwords: Passwords,
    access: AccessTokens,
    key_times: KeyTimes,
    refresh_secret: RefreshSecret,
    system_secret: SystemSecret,
    rate_limits: RateLimits,
}

/// What a client needs to act as somebody.
pub struct Tokens {
    /// A JWT.
    pub access: String,
    /// Seconds until the access token is worthless.
    pub expires_in: i64,
    pub refresh: RefreshToken,
}

impl Identity {
    /// The use cases over `repository`, with its keys; they are made at the very first start.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn open(
        repository: Repository,
        passwords: Passwords,
        key_times: KeyTimes,
        system_secret: SystemSecret,
        rate_limits: RateLimits,
    ) -> anyhow::Result<Self> {
        repository.ensure_signing_key(random_key()?).await?;
        let stored = repository.signing_keys().await?;
        let refresh_secret = repository.refresh_secret(RefreshSecret(rand::random()));
        Ok(Self {
            access: AccessTokens::new(&stored.keys, key_times.token)?,
            key_times,
            refresh_secret: refresh_secret.await?,
            repository,
            passwords,
            system_secret,
            rate_limits,
        })
    }

    /// The keys that access tokens are verified with now or soon.
    #[must_use]
    pub fn public_keys(&self) -> Vec<PublicKey> {
        self.access.public_keys()
    }

    fn tokens(&self, session: &Session, refresh: RefreshToken) -> Result<Tokens> {
        let now = chrono::Utc::now();
        Ok(Tokens {
            access: self.access.issue(session.user_id, session.id, now)?,
            expires_in: self.access.lifetime(),
            refresh,
        })
    }
}
