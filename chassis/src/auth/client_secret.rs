use std::fmt;

use sha2::{Digest as _, Sha256};

use super::base62;

/// Digits of half a secret.
const HALF: usize = 22;
const CHECKSUM: usize = 6;

/// 256 random bits by which a program proves who it is. Only their hash is stored, and nothing shows them.
///
/// As text they are 44 letters and digits, and 6 more that are a checksum of these, in the manner of
/// [GitHub's tokens](https://github.blog/engineering/platform-security/behind-githubs-new-authentication-token-formats/): a
/// slip of the pen is seen without asking anybody, and who looks for lost secrets does not find what is none.
#[derive(Clone, PartialEq, Eq)]
pub struct ClientSecret([u8; 32]);

impl ClientSecret {
    #[must_use]
    pub fn random() -> Self {
        Self(rand::random())
    }

    /// Reads what [`encode`](Self::encode) wrote; None for anything else.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (digits, sum) = text.split_at_checked(2 * HALF)?;
        let (high, low) = digits.split_at_checked(HALF)?;
        if sum != checksum(digits) {
            return None;
        }
        let mut bytes = [0; 32];
        let (left, right) = bytes.split_at_mut(16);
        left.copy_from_slice(&base62::decode(high)?.to_be_bytes());
        right.copy_from_slice(&base62::decode(low)?.to_be_bytes());
        Some(Self(bytes))
    }

    /// For whoever is to have it.
    #[must_use]
    pub fn encode(&self) -> String {
        let half = |bytes: &[u8]| {
            let value = bytes
                .iter()
                .fold(0, |value: u128, byte| value << 8 | u128::from(*byte));
            base62::encode(value, HALF)
        };
        let (left, right) = self.0.split_at(16);
        let digits = half(left) + &half(right);
        let sum = checksum(&digits);
        digits + &sum
    }

    /// SHA-256. The secret is random, so it needs no salt and no slow hash.
    #[must_use]
    pub fn hash(&self) -> [u8; 32] {
        Sha256::digest(self.0).into()
    }
}

/// The first 32 bits of the text's SHA-256.
fn checksum(digits: &str) -> String {
    let hash = Sha256::digest(digits);
    let sum = hash
        .iter()
        .take(4)
        .fold(0, |sum, byte| sum << 8 | u128::from(*byte));
    base62::encode(sum, CHECKSUM)
}

impl fmt::Debug for ClientSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_survives_the_wire_and_shows_itself_to_nobody() {
        for secret in [
            ClientSecret::random(),
            ClientSecret([0; 32]),
            ClientSecret([255; 32]),
        ] {
            let text = secret.encode();
            assert_eq!(text.len(), 50);
            assert_eq!(ClientSecret::parse(&text), Some(secret.clone()));
            assert_eq!(format!("{secret:?}"), "***");
        }
    }

    #[test]
    fn a_slip_of_the_pen_is_seen() {
        let text = ClientSecret::random().encode();
        for place in 0..text.len() {
            let other = if text.as_bytes()[place] == b'x' {
                "y"
            } else {
                "x"
            };
            let mut slip = text.clone();
            slip.replace_range(place..=place, other);
            assert_eq!(ClientSecret::parse(&slip), None, "{text} {slip}");
        }
        for text in ["", "é", &text[1..], &format!("{text}0"), &"é".repeat(25)] {
            assert_eq!(ClientSecret::parse(text), None, "{text:?}");
        }
    }
}
