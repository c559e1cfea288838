use chassis::auth::ClientSecret;
use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::{Invalid, RoleName};

/// The secrets of service accounts begin so, that they are known for what they are.
const SECRET_PREFIX: &str = "eos_";

/// The name of a service account; it has the form of a role's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountName(RoleName);

impl AccountName {
    /// # Errors
    /// When it has another form.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        RoleName::parse(text).map(Self)
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

/// A program of the shop's owner, and what it may do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceAccount {
    pub id: Uuid,
    pub name: String,
    /// In alphabetical order.
    pub roles: Vec<String>,
    /// Those in force, oldest first.
    pub secrets: Vec<AccountSecret>,
    pub created_at: DateTime<Utc>,
}

/// What is known of a secret after it was shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountSecret {
    pub id: Uuid,
    pub created_at: DateTime<Utc>,
}

/// A secret's text, as a service account is given it.
#[must_use]
pub fn account_secret(secret: &ClientSecret) -> String {
    format!("{SECRET_PREFIX}{}", secret.encode())
}

/// Reads the secret of a service account or an API key; None if it is neither.
#[must_use]
pub fn client_secret(text: &str) -> Option<ClientSecret> {
    ClientSecret::parse(text.strip_prefix(SECRET_PREFIX).unwrap_or(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_read_with_what_it_begins_with_and_without() {
        let secret = ClientSecret::random();
        assert_eq!(
            client_secret(&account_secret(&secret)).as_ref(),
            Some(&secret)
        );
        assert_eq!(client_secret(&secret.encode()), Some(secret));
        assert_eq!(client_secret("eos_"), None);
    }
}
