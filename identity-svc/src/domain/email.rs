use super::Invalid;

/// The longest address that mail can be sent to (RFC 5321, 4.5.3.1.3, less the angle brackets).
const MAX_BYTES: usize = 254;

/// An e-mail address, normalised so that one mailbox has one account: trimmed, in lower case.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Email(String);

impl Email {
    /// Normalises and checks an address.
    ///
    /// # Errors
    /// When it is no address by the HTML standard's rule, or too long.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        let email = text.trim().to_lowercase();
        if email.len() > MAX_BYTES {
            return Err(Invalid::new("must be at most 254 characters long"));
        }
        garde::rules::email::parse_email(&email)
            .map_err(|error| Invalid::new(format!("is not an e-mail address: {error}")))?;
        Ok(Self(email))
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_mailbox_is_one_address() {
        for text in ["ann@example.com", " Ann@Example.COM\n"] {
            assert_eq!(Email::parse(text).unwrap().as_str(), "ann@example.com");
        }
    }

    #[test]
    fn what_is_no_address_is_refused() {
        let long = format!("ann@{}.com", "a.".repeat(130));
        for text in [
            "",
            " ",
            "ann",
            "@example.com",
            "ann@",
            "a b@example.com",
            "a@b@c.com",
            "a\n@b.com",
            &long,
        ] {
            assert!(Email::parse(text).is_err(), "{text:?}");
        }
    }
}
