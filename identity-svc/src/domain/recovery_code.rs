use std::fmt;

use sha2::{Digest as _, Sha256};

/// Crockford's base32: without letters that look like a digit, and without U.
const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const CHARACTERS: usize = 24;
const GROUP: usize = 4;

/// Stands in for a code of the second factor, once. 120 random bits, so that by NIST SP 800-63B-4, 3.1.2.2, a plain hash
/// is enough to store.
#[derive(Clone, PartialEq, Eq)]
pub struct RecoveryCode([u8; CHARACTERS]);

impl RecoveryCode {
    /// So many somebody is given.
    pub const COUNT: usize = 10;

    #[must_use]
    pub fn random() -> Self {
        let bytes: [u8; CHARACTERS] = rand::random();
        Self(bytes.map(|byte| ALPHABET[usize::from(byte) % ALPHABET.len()]))
    }

    /// Reads what somebody has copied by hand: in any case and grouping, with look-alikes of digits. `None` for anything
    /// else.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let characters: Vec<u8> = text
            .bytes()
            .filter(|byte| *byte != b'-' && !byte.is_ascii_whitespace())
            .map(|byte| match byte.to_ascii_uppercase() {
                b'O' => b'0',
                b'I' | b'L' => b'1',
                byte => byte,
            })
            .collect();
        let known = characters.iter().all(|byte| ALPHABET.contains(byte));
        characters.try_into().ok().filter(|_| known).map(Self)
    }

    /// As the owner keeps it: six groups of four characters.
    #[must_use]
    pub fn encode(&self) -> String {
        let groups = self.0.chunks(GROUP);
        let groups: Vec<_> = groups.map(String::from_utf8_lossy).collect();
        groups.join("-")
    }

    /// SHA-256.
    #[must_use]
    pub fn hash(&self) -> [u8; 32] {
        Sha256::digest(self.0).into()
    }
}

impl fmt::Debug for RecoveryCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_survives_being_copied_by_hand() {
        let code = RecoveryCode::random();
        let text = code.encode();
        assert_eq!(text.len(), 29, "{text}");
        for copy in [
            text.clone(),
            text.to_lowercase(),
            text.replace('-', " "),
            text.replace('-', ""),
            format!(" {text}\n"),
            text.replace('0', "O").replace('1', "l"),
            text.replace('0', "o").replace('1', "I"),
        ] {
            assert_eq!(RecoveryCode::parse(&copy), Some(code.clone()), "{copy}");
        }
    }

    #[test]
    fn what_is_no_code_is_refused() {
        for text in [
            "",
            "123456",
            &"A".repeat(23),
            &"A".repeat(25),
            &"U".repeat(24),
            &"é".repeat(12),
        ] {
            assert_eq!(RecoveryCode::parse(text), None, "{text:?}");
        }
    }

    #[test]
    fn debug_shows_nothing() {
        assert_eq!(format!("{:?}", RecoveryCode::random()), "***");
    }
}
