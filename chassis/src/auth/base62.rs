//! Numbers as texts of letters and digits, which a double click selects whole.

const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// The last `width` digits of `value`.
pub(super) fn encode(mut value: u128, width: usize) -> String {
    let mut text = vec!['0'; width];
    for place in text.iter_mut().rev() {
        *place = char::from(DIGITS[(value % 62) as usize]);
        value /= 62;
    }
    text.into_iter().collect()
}

/// The number that is written so; None for what is no number, or too large.
pub(super) fn decode(text: &str) -> Option<u128> {
    text.bytes().try_fold(0_u128, |value, byte| {
        let digit = DIGITS.iter().position(|digit| *digit == byte)?;
        value.checked_mul(62)?.checked_add(digit as u128)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_survives() {
        for value in [0, 1, 61, 62, u128::from(u32::MAX), u128::MAX] {
            let text = encode(value, 22);
            assert_eq!(text.len(), 22);
            assert_eq!(decode(&text), Some(value), "{text}");
        }
        for text in ["-", "é", " 1", &"z".repeat(22)] {
            assert_eq!(decode(text), None, "{text}");
        }
    }
}
