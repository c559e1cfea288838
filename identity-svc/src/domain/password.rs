use std::fmt;

use unicode_normalization::UnicodeNormalization as _;
use zxcvbn::{Score, zxcvbn};

use super::Invalid;

const MAX_CHARACTERS: usize = 128;

/// How much of a password is looked at to tell how easily it is guessed, in characters. For what is longer, the estimate
/// takes as long as many passwords take to be hashed; at this length, two of them at worst.
const ESTIMATED: usize = 32;

/// A password, by NIST SP 800-63B-4, 3.1.1: long, of any characters, without rules of composition. Nothing shows it.
#[derive(Clone)]
pub struct Password(String);

/// What a password has to be, by what else guards the account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PasswordRule {
    /// Nothing else does.
    Alone,
    /// A second factor does.
    BesideSecondFactor,
}

impl PasswordRule {
    /// The rule for the password of an account.
    #[must_use]
    pub const fn for_account(has_second_factor: bool) -> Self {
        if has_second_factor {
            Self::BesideSecondFactor
        } else {
            Self::Alone
        }
    }

    const fn min_characters(self) -> usize {
        match self {
            Self::Alone => 15,
            Self::BesideSecondFactor => 8,
        }
    }
}

/// What somebody tries first who knows the owner of an account: parts of the name and of the e-mail address.
#[derive(Debug, Clone)]
pub struct OwnerWords(Vec<String>);

impl OwnerWords {
    #[must_use]
    pub fn of(email: &str, name: &str) -> Self {
        let whole = ["easyorder", email, name];
        let parts = [email, name]
            .into_iter()
            .flat_map(|text| text.split(|c: char| !c.is_alphanumeric()))
            // Initials are no words.
            .filter(|part| part.chars().count() > 2);
        let words = whole.into_iter().chain(parts);
        Self(words.map(|word| beginning(word).to_lowercase()).collect())
    }
}

impl Password {
    /// A password to be set.
    ///
    /// # Errors
    /// When it is shorter than the rule wants (in Unicode code points) or longer than 128 characters.
    pub fn parse(text: &str, rule: PasswordRule) -> Result<Self, Invalid> {
        let password = Self::attempt(text);
        password.keeps(rule).map(|()| password)
    }

    /// Checks the rule for a password that was parsed before it was known which one applies.
    ///
    /// # Errors
    /// As for [`parse`](Self::parse).
    pub fn keeps(&self, rule: PasswordRule) -> Result<(), Invalid> {
        let min = rule.min_characters();
        match self.0.chars().count() {
            few if few < min => Err(Invalid::new(format!(
                "must be at least {min} characters long"
            ))),
            many if many > MAX_CHARACTERS => {
                Err(Invalid::new("must be at most 128 characters long"))
            }
            _ => Ok(()),
        }
    }

    /// What somebody typed to sign in: what may be set today is no matter of the door.
    #[must_use]
    pub fn attempt(text: &str) -> Self {
        // One keyboard composes `é`, another sends it as two code points.
        Self(text.nfkc().collect())
    }

    /// Checks that it takes many guesses, by lists of common passwords, words and names, and by patterns. May take as
    /// long as hashing.
    ///
    /// # Errors
    /// When some 10⁸ guesses find it, or 10⁶ if it is so short that a second factor has to stand beside it; the reason tells
    /// how to do better.
    pub fn resists_guessing(&self, owner: &OwnerWords) -> Result<(), Invalid> {
        let words: Vec<&str> = owner.0.iter().map(String::as_str).collect();
        let estimate = zxcvbn(beginning(&self.0), &words);
        let enough = match self.keeps(PasswordRule::Alone) {
            Ok(()) => Score::Three,
            Err(_) => Score::Two,
        };
        if estimate.score() >= enough {
            return Ok(());
        }
        let advice = estimate.feedback().map(ToString::to_string);
        Err(Invalid::new(format!(
            "is guessed too easily. {}",
            advice.unwrap_or_default()
        )))
    }

    /// For hashing.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

/// As much of a text as is looked at.
fn beginning(text: &str) -> &str {
    let end = text.char_indices().nth(ESTIMATED).map(|(end, _)| end);
    &text[..end.unwrap_or(text.len())]
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judge(text: &str) -> Result<(), Invalid> {
        let owner = OwnerWords::of("ann.lee-of.the.whole.village@mail.example.com", "Ann Lee");
        Password::parse(text, PasswordRule::Alone)?.resists_guessing(&owner)
    }

    #[test]
    fn length_counts_characters_not_bytes() {
        for (rule, min) in [
            (PasswordRule::Alone, 15),
            (PasswordRule::BesideSecondFactor, 8),
        ] {
            for (characters, accepted) in [(min - 1, false), (min, true), (128, true), (129, false)]
            {
                for character in ["a", "é", "\u{1f511}", " "] {
                    let text = character.repeat(characters);
                    assert_eq!(
                        Password::parse(&text, rule).is_ok(),
                        accepted,
                        "{characters} x {character:?}"
                    );
                }
            }
        }
    }

    #[test]
    fn what_takes_many_guesses_is_taken() {
        for text in [
            "correct horse battery",
            "correct-horse-battery-staple",
            "a customer's password",
            "another long password",
            "somebody else's guess",
            "a long administrator's password",
            "Sufficiently-long-passphrase-1",
            "easyorder-local-admin",
            "pass-word-for-tests-1",
            "der Mond ist aufgegangen",
            "お気に入りの合言葉はこれですよね",
            "x7f!qP2#mZ9vLw4$",
        ] {
            assert_eq!(judge(text), Ok(()), "{text}");
        }
    }

    #[test]
    fn what_is_guessed_easily_is_refused_with_advice() {
        for text in [
            "passwordpassword",
            "Passw0rdPassw0rd",
            "password12345678",
            "123456789012345",
            "qwertyuiopasdfgh",
            "1qaz2wsx3edc4rfv",
            "aaaaaaaaaaaaaaa",
            "               ",
            "abcdefghijklmnop",
            "iloveyouiloveyou",
            "easyordereasyorder",
            "easyorderpassword",
            "annleeannleeannlee",
            // The address, whatever its length and case.
            "ann.lee-of.the.whole.village@mail.example.com",
            "Ann.Lee-of.the.whole.village@mail.example.com",
            // However long.
            &"passwordpassword".repeat(8),
            &"🔑".repeat(128),
        ] {
            let reason = judge(text).unwrap_err().0;
            assert!(reason.len() > "is guessed too easily. ".len(), "{reason}");
            assert!(!reason.contains(text), "{reason}");
        }
    }

    #[test]
    fn a_short_one_takes_guesses_enough_beside_a_second_factor() {
        for (text, accepted) in [
            ("kV7#mq2Z", true),
            ("fjord-lamp", true),
            ("password", false),
            ("Passw0rd!", false),
            ("12345678", false),
            ("aaaaaaaaaaaaaa", false),
            ("annleeannlee", false),
        ] {
            let owner = OwnerWords::of("ann.lee@example.com", "Ann Lee");
            let password = Password::parse(text, PasswordRule::BesideSecondFactor).unwrap();
            assert_eq!(
                password.resists_guessing(&owner).is_ok(),
                accepted,
                "{text}"
            );
            assert!(password.keeps(PasswordRule::Alone).is_err(), "{text}");
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
