use std::fmt;

use sha2::{Digest as _, Sha256};

/// Stands for the account of an e-mail address, whether there is one or not: SHA-256 of the normalised address.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct AccountKey([u8; 32]);

impl AccountKey {
    /// Of anything that somebody gave as an address.
    #[must_use]
    pub fn of(email: &str) -> Self {
        Self(Sha256::digest(email.trim().to_lowercase()).into())
    }

    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for AccountKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Email;

    #[test]
    fn one_mailbox_is_one_account() {
        let email = Email::parse(" Ann@Example.com").unwrap();
        assert_eq!(
            AccountKey::of(email.as_str()),
            AccountKey::of(" Ann@Example.com")
        );
        assert_ne!(AccountKey::of(""), AccountKey::of("ann@example.com"));
    }
}
