//! How text is taken apart, when an order is written to be found and when it is looked for.

use uuid::Uuid;

/// A word is at most so many bytes; what is longer is cut, here as there.
const MAX_WORD: usize = 200;

/// The words of a text: runs of letters and digits, in lower case.
pub(crate) fn terms(text: &str) -> impl Iterator<Item = String> {
    text.split(|char: char| !char.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(|word| {
            let mut word = word.to_lowercase();
            let end = word.floor_char_boundary(MAX_WORD);
            word.truncate(end);
            word
        })
}

/// An id as one word: its digits.
pub(crate) fn id_term(id: Uuid) -> String {
    id.simple().to_string()
}

/// One of the things that are looked for: all of these words, each as the beginning of one of the order's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sought {
    pub words: Vec<String>,
    /// Or else this one: the beginning of an id, if it can be one.
    pub id: Option<String>,
}

impl Sought {
    /// What a text asks for, all of it at once.
    pub(crate) fn parse(text: &str) -> Vec<Self> {
        text.split_whitespace()
            .map(|part| Self {
                words: terms(part).collect(),
                id: beginning_of_id(part),
            })
            .filter(|asked| !asked.words.is_empty())
            .collect()
    }
}

/// Of several groups of digits: one group is a word like any other.
fn beginning_of_id(text: &str) -> Option<String> {
    let is_id = |char: char| char.is_ascii_hexdigit() || char == '-';
    (text.contains('-') && text.len() <= 36 && text.chars().all(is_id))
        .then(|| text.replace('-', "").to_ascii_lowercase())
        .filter(|digits| !digits.is_empty())
}

/// A SKU as a whole. No word of a text is like it.
pub(crate) fn sku_term(sku: &str) -> String {
    let whole = format!("={sku}");
    whole.replace(char::is_control, " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_found_whatever_stands_between_them() {
        let found: Vec<String> = terms("T-LIGHT holder, Größe 5/6 (85123A-255)").collect();
        assert_eq!(
            found,
            ["t", "light", "holder", "größe", "5", "6", "85123a", "255"]
        );
        assert_eq!(terms(" -- ").count(), 0);
    }

    #[test]
    fn a_long_word_is_cut_between_letters() {
        let word = terms(&"ß".repeat(150)).next().unwrap();
        assert_eq!(word, "ß".repeat(100));
    }

    #[test]
    fn an_id_is_found_by_its_beginning_and_a_sku_that_looks_like_one_by_its_words() {
        let id = Uuid::from_u128(0x0192_abcd_1234_8000_8000_0000_0000_0001);
        let text = id.to_string();
        for length in [10, 20, 36] {
            let asked = Sought::parse(&text[..length]);
            let beginning = asked[0].id.as_deref().unwrap();
            assert!(id_term(id).starts_with(beginning), "{beginning}");
        }
        let sku = &Sought::parse("85123A-255")[0];
        assert_eq!(sku.words, ["85123a", "255"]);
        assert_eq!(sku.id.as_deref(), Some("85123a255"));
        let words = Sought::parse(" white  t-light - ");
        assert_eq!(words.len(), 2);
        assert!(words.iter().all(|asked| asked.id.is_none()));
    }
}
