use std::fmt;

use unicode_normalization::UnicodeNormalization as _;

use super::Invalid;

const MIN_CHARACTERS: usize = 15;
const MAX_CHARACTERS: usize = 128;

/// A password, by NIST SP 800-63B-4, 3.1.1: long, of any characters, without rules of composition. Nothing shows it.
#[derive(Clone)]
pub struct Password(String);

impl Password {
    /// A password to be set.
    ///
    /// # Errors
    /// When it is shorter than 15 characters (Unicode code points) or longer than 128.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        let password = Self::attempt(text);
        match password.0.chars().count() {
            ..MIN_CHARACTERS => Err(Invalid::new("must be at least 15 characters long")),
            MIN_CHARACTERS..=MAX_CHARACTERS => Ok(password),
            _ => Err(Invalid::new("must be at most 128 characters long")),
        }
    }

    /// What somebody typed to sign in: what may be set today is no matter of the door.
    #[must_use]
    pub fn attempt(text: &str) -> Self {
        // One keyboard composes `é`, another sends it as two code points.
        Self(text.nfkc().collect())
    }

    /// For hashing.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn length_counts_characters_not_bytes() {
        for (characters, accepted) in [(14, false), (15, true), (128, true), (129, false)] {
            for character in ["a", "é", "\u{1f511}", " "] {
                let text = character.repeat(characters);
                assert_eq!(
                    Password::parse(&text).is_ok(),
                    accepted,
                    "{characters} x {character:?}"
                );
            }
        }
    }

    #[test]
    fn one_password_has_one_form() {
        let composed = Password::attempt("caf\u{e9}");
        let decomposed = Password::attempt("cafe\u{301}");
        assert_eq!(composed.as_bytes(), decomposed.as_bytes());
    }

    #[test]
    fn debug_shows_nothing() {
        assert_eq!(format!("{:?}", Password::attempt("hunter2")), "***");
    }
}
