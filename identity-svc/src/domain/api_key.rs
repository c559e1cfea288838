use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

use super::{Invalid, Scope};

const MAX_CHARACTERS: usize = 100;
/// No key lives longer.
const MAX_DAYS: i64 = 366;

/// What its owner calls an API key. Trimmed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyName(String);

impl KeyName {
    /// # Errors
    /// When it is empty, longer than 100 characters, or holds control characters.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        let name = text.trim();
        match name.chars().count() {
            0 => Err(Invalid::new("must not be empty")),
            1..=MAX_CHARACTERS if !name.contains(char::is_control) => Ok(Self(name.to_owned())),
            1..=MAX_CHARACTERS => Err(Invalid::new("must not hold control characters")),
            _ => Err(Invalid::new("must be at most 100 characters long")),
        }
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// An API key, as its owner wants it to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewApiKey {
    pub name: KeyName,
    pub scope: Scope,
    pub expires_at: DateTime<Utc>,
}

impl NewApiKey {
    /// When a key that is made at `made_at` may expire.
    ///
    /// # Errors
    /// When that is past, or more than 366 days ahead.
    pub fn expiry(at: DateTime<Utc>, made_at: DateTime<Utc>) -> Result<DateTime<Utc>, Invalid> {
        if at <= made_at {
            Err(Invalid::new("must be in the future"))
        } else if at - made_at > TimeDelta::days(MAX_DAYS) {
            Err(Invalid::new("must be at most 366 days ahead"))
        } else {
            Ok(at)
        }
    }
}

/// An API key, as it is stored; its secret is not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiKey {
    pub id: Uuid,
    pub name: String,
    /// In alphabetical order.
    pub scopes: Vec<String>,
    pub created_at: DateTime<Utc>,
    pub expires_at: DateTime<Utc>,
    /// To the minute.
    pub last_used_at: Option<DateTime<Utc>>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_trimmed_and_bounded() {
        assert_eq!(KeyName::parse(" till 3 ").unwrap().as_str(), "till 3");
        assert!(KeyName::parse(&"é".repeat(100)).is_ok());
        for text in ["", "  ", &"é".repeat(101), "a\nb"] {
            assert!(KeyName::parse(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_key_lives_a_year_at_most() {
        let made_at = DateTime::<Utc>::UNIX_EPOCH;
        for (seconds, accepted) in [
            (-1, false),
            (0, false),
            (1, true),
            (366 * 86_400, true),
            (366 * 86_400 + 1, false),
        ] {
            let at = made_at + TimeDelta::seconds(seconds);
            assert_eq!(
                NewApiKey::expiry(at, made_at).is_ok(),
                accepted,
                "{seconds}"
            );
        }
        assert!(NewApiKey::expiry(DateTime::<Utc>::MAX_UTC, made_at).is_err());
    }
}
