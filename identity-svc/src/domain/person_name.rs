use super::Invalid;

const MAX_CHARACTERS: usize = 200;

/// How a person wants to be called. Trimmed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PersonName(String);

impl PersonName {
    /// # Errors
    /// When it is empty, longer than 200 characters, or holds control characters (it ends up in mail headers).
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        let name = text.trim();
        if name.is_empty() {
            return Err(Invalid::new("must not be empty"));
        }
        if name.chars().count() > MAX_CHARACTERS {
            return Err(Invalid::new("must be at most 200 characters long"));
        }
        if name.chars().any(char::is_control) {
            return Err(Invalid::new("must not hold control characters"));
        }
        Ok(Self(name.to_owned()))
    }

    /// Of the administrator that the configuration makes.
    #[must_use]
    pub fn administrator() -> Self {
        Self("Administrator".to_owned())
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
    fn a_name_is_trimmed_and_bounded() {
        assert_eq!(PersonName::parse("  Ann Lee ").unwrap().as_str(), "Ann Lee");
        assert!(PersonName::parse(&"é".repeat(200)).is_ok());
        for text in ["", "  ", &"é".repeat(201), "Ann\r\nBcc: x@example.com"] {
            assert!(PersonName::parse(text).is_err(), "{text:?}");
        }
    }
}
