use std::fmt;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::{Digest as _, Sha256};

/// 256 random bits that keep somebody signed in. Only its hash is stored.
#[derive(Clone, PartialEq, Eq)]
pub struct RefreshToken([u8; 32]);

/// Makes the successors of refresh tokens unguessable to whoever holds only a token.
#[derive(Clone)]
pub struct RefreshSecret(pub [u8; 64]);

impl RefreshToken {
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

    /// As the client keeps it: 43 URL-safe characters.
    #[must_use]
    pub fn encode(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.0)
    }

    /// SHA-256. The token is random, so it needs no salt and no slow hash.
    #[must_use]
    pub fn hash(&self) -> [u8; 32] {
        Sha256::digest(self.0).into()
    }

    /// The token that replaces this one: always the same, so that a client whose answer was lost can ask again.
    #[must_use]
    pub fn successor(&self, secret: &RefreshSecret) -> Self {
        let mut mac = Hmac::<Sha256>::new(&secret.0.into());
        mac.update(&self.0);
        Self(mac.finalize().into_bytes().into())
    }
}

impl fmt::Debug for RefreshToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl fmt::Debug for RefreshSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_survives_the_wire() {
        let token = RefreshToken::random();
        assert_eq!(RefreshToken::parse(&token.encode()), Some(token));
        for text in ["", "abc", &"A".repeat(42), &"A".repeat(44), &"=".repeat(43)] {
            assert_eq!(RefreshToken::parse(text), None, "{text:?}");
        }
    }

    #[test]
    fn the_successor_follows_from_token_and_secret() {
        let (token, secret) = (RefreshToken::random(), RefreshSecret(rand::random()));
        let successor = token.successor(&secret);
        assert_eq!(successor, token.successor(&secret));
        assert_ne!(successor, token);
        assert_ne!(successor, token.successor(&RefreshSecret(rand::random())));
        assert_ne!(successor, RefreshToken::random().successor(&secret));
    }
}
