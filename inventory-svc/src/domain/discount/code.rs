use std::fmt;

use super::InvalidTerms;

/// What a customer types: 3 to 40 letters, digits, `_`, `-`, the first a letter or digit. It is kept as its owner wrote
/// it, and found whatever the case.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Code(String);

impl Code {
    const MAX: usize = 40;

    /// # Errors
    /// When the text is no code.
    pub fn parse(text: &str) -> Result<Self, InvalidTerms> {
        if (3..=Self::MAX).contains(&text.len()) && is_of_alphabet(text) {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidTerms::Code)
        }
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The form by which it is found: two codes that differ by case alone have the same.
    #[must_use]
    pub fn lookup(&self) -> String {
        self.0.to_ascii_uppercase()
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A text that begins with `-` would be a formula to a spreadsheet that opens an export.
fn is_of_alphabet(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_alphanumeric())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte))
}

/// How the codes of a batch begin: 1 to 28 characters of a code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BatchPrefix(String);

impl BatchPrefix {
    /// Characters after the prefix: 60 bits, which nobody guesses.
    const RANDOM: usize = 12;
    /// Of Douglas Crockford's base 32: no I, L, O or U, which are taken for something else.
    const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

    /// # Errors
    /// When the text is no prefix.
    pub fn parse(text: &str) -> Result<Self, InvalidTerms> {
        if (1..=Code::MAX - Self::RANDOM).contains(&text.len()) && is_of_alphabet(text) {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidTerms::Prefix)
        }
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// A code of the batch. It is as hard to guess as the lowest 60 bits of `random` are.
    #[must_use]
    pub fn code(&self, random: u64) -> Code {
        let mut code = self.0.clone();
        for place in 0..Self::RANDOM {
            let digit = (random >> (5 * place)) & 31;
            // Below 32.
            code.push(char::from(Self::ALPHABET[digit as usize]));
        }
        Code(code)
    }
}

/// How many codes a batch has: 1 to 10,000.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BatchSize(i32);

impl BatchSize {
    /// # Errors
    /// When it is out of range.
    pub fn parse(size: i64) -> Result<Self, InvalidTerms> {
        i32::try_from(size)
            .ok()
            .filter(|size| (1..=10_000).contains(size))
            .map(Self)
            .ok_or(InvalidTerms::Size)
    }

    #[must_use]
    pub fn get(self) -> i32 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_kept_as_written_and_found_whatever_the_case() {
        let code = Code::parse("Spring_10-off").unwrap();
        assert_eq!(code.as_str(), "Spring_10-off");
        assert_eq!(code.lookup(), "SPRING_10-OFF");
        for good in ["abc", "1-2", &"x".repeat(40)] {
            assert!(Code::parse(good).is_ok(), "{good:?}");
        }
        for bad in [
            "",
            "ab",
            &"x".repeat(41),
            "a b",
            " abc",
            "a.b",
            "äbc",
            "a+b",
            "-abc",
            "_abc",
            "=abc",
        ] {
            assert_eq!(Code::parse(bad), Err(InvalidTerms::Code), "{bad:?}");
        }
    }

    #[test]
    fn a_code_of_a_batch_is_a_code_that_shows_all_its_random_bits() {
        let prefix = BatchPrefix::parse(&"P".repeat(28)).unwrap();
        let code = prefix.code(u64::MAX);
        assert_eq!(Code::parse(code.as_str()).unwrap(), code);
        assert_eq!(code.as_str(), format!("{}ZZZZZZZZZZZZ", "P".repeat(28)));
        let all: std::collections::BTreeSet<Code> =
            (0..60).map(|bit| prefix.code(1 << bit)).collect();
        assert_eq!(all.len(), 60);
        for bad in ["", "-A", "_A", "A B", &"P".repeat(29)] {
            assert_eq!(
                BatchPrefix::parse(bad),
                Err(InvalidTerms::Prefix),
                "{bad:?}"
            );
        }
    }

    #[test]
    fn a_batch_has_at_most_ten_thousand_codes() {
        for (size, good) in [
            (0, false),
            (1, true),
            (10_000, true),
            (10_001, false),
            (-1, false),
        ] {
            assert_eq!(BatchSize::parse(size).is_ok(), good, "{size}");
        }
    }
}
