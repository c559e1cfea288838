use std::{fmt, time::Duration};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use sha2::{Digest as _, Sha256};

/// 256 random bits in a link of a mail, good once. Only its hash is stored.
#[derive(Clone, PartialEq, Eq)]
pub struct OneTimeToken([u8; 32]);

/// What a token is good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    VerifyEmail,
    ResetPassword,
}

impl Purpose {
    /// As it is stored.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::VerifyEmail => "verify_email",
            Self::ResetPassword => "reset_password",
        }
    }

    /// How long a token may be used.
    #[must_use]
    pub const fn lifetime(self) -> Duration {
        const MINUTES: u64 = 60;
        const HOURS: u64 = 60 * MINUTES;
        match self {
            Self::VerifyEmail => Duration::from_secs(48 * HOURS),
            Self::ResetPassword => Duration::from_secs(30 * MINUTES),
        }
    }
}

impl OneTimeToken {
    #[must_use]
    pub fn random() -> Self {
        Self(rand::random())
    }

    /// Reads what [`encode`](Self::encode) wrote; `None` for anything else.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        bytes.try_into().ok().map(Self)
    }

    /// As the link has it: 43 URL-safe characters.
    #[must_use]
    pub fn encode(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.0)
    }

    /// SHA-256. The token is random, so it needs no salt and no slow hash.
    #[must_use]
    pub fn hash(&self) -> [u8; 32] {
        Sha256::digest(self.0).into()
    }
}

impl fmt::Debug for OneTimeToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_survives_the_link() {
        let token = OneTimeToken::random();
        assert_eq!(OneTimeToken::parse(&token.encode()), Some(token));
        for text in ["", "abc", &"A".repeat(42), &"A".repeat(44)] {
            assert_eq!(OneTimeToken::parse(text), None, "{text:?}");
        }
    }
}
