use super::Invalid;

const MAX_CHARACTERS: usize = 500;

/// Why somebody does something to another; for whoever reads the audit log. Trimmed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reason(String);

impl Reason {
    /// # Errors
    /// When it is empty, longer than 500 characters, or holds control characters.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        let reason = text.trim();
        if reason.is_empty() {
            return Err(Invalid::new("must not be empty"));
        }
        if reason.chars().count() > MAX_CHARACTERS {
            return Err(Invalid::new("must be at most 500 characters long"));
        }
        if reason.chars().any(char::is_control) {
            return Err(Invalid::new("must not hold control characters"));
        }
        Ok(Self(reason.to_owned()))
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
    fn a_reason_is_trimmed_and_bounded() {
        assert_eq!(Reason::parse(" stolen ").unwrap().as_str(), "stolen");
        assert!(Reason::parse(&"é".repeat(500)).is_ok());
        for text in ["", " ", &"é".repeat(501), "a\0b", "a\nb"] {
            assert!(Reason::parse(text).is_err(), "{text:?}");
        }
    }
}
