//! What text must look like before it is stored or put into a line.

/// PostgreSQL stores no NUL, and a message of megabytes helps nobody.
const LONGEST: usize = 8_192;

/// The text without what PostgreSQL refuses, cut to a length that people read.
#[must_use]
pub fn storable(text: &str) -> String {
    text.chars()
        .take(LONGEST)
        .map(|c| {
            if c == '\0' {
                char::REPLACEMENT_CHARACTER
            } else {
                c
            }
        })
        .collect()
}

/// The text on one line: a name cannot fake a further line of a mail.
#[must_use]
pub fn one_line(text: &str) -> String {
    text.split(|c: char| c.is_control() || c.is_whitespace())
        .filter(|word| !word.is_empty())
        .collect::<Vec<_>>()
        .join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_stays_one_line() {
        assert_eq!(
            one_line(" Tea\r\nTotal:\u{2028}0 \u{7}pot "),
            "Tea Total: 0 pot"
        );
    }

    #[test]
    fn nul_is_replaced_and_length_bounded() {
        assert_eq!(storable("a\0b"), "a\u{fffd}b");
        assert_eq!(storable(&"é".repeat(10_000)).chars().count(), LONGEST);
    }
}
