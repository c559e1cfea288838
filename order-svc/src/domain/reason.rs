/// Why something was done: at most 500 characters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reason(String);

impl Reason {
    const MAX: usize = 500;

    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        (1..=Self::MAX)
            .contains(&text.chars().count())
            .then(|| Self(text.to_owned()))
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}
