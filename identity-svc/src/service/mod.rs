//! The use cases.

mod access_tokens;
mod administrator;
mod audit_log;
mod disabling;
mod email_verification;
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
mod sessions;
mod sign_in;
mod sign_out;
mod throttle;
mod trust;
mod users;

use chassis::{Result, auth::secrets::SystemSecret};

pub use access_tokens::{AccessTokens, PublicKey};
pub use passwords::Passwords;
pub use throttle::RateLimits;

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
        access_token_seconds: i64,
        system_secret: SystemSecret,
        rate_limits: RateLimits,
    ) -> anyhow::Result<Self> {
        let keys = repository
            .keys(access_tokens::random_key()?, RefreshSecret(rand::random()))
            .await?;
        Ok(Self {
            access: AccessTokens::new(&keys, access_token_seconds)?,
            refresh_secret: keys.refresh,
            repository,
            passwords,
            system_secret,
            rate_limits,
        })
    }

    /// The keys that access tokens are verified with.
    #[must_use]
    pub fn public_keys(&self) -> &[PublicKey] {
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
