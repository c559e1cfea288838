use std::fmt;

use anyhow::Context as _;
use iso_currency::Currency;

/// An amount as people read it, for example `£1,234.50`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Money {
    /// Minor units.
    amount: i64,
    currency: Currency,
}

impl Money {
    /// # Errors
    /// When the currency is not of ISO 4217.
    pub fn new(amount: i64, currency: &str) -> anyhow::Result<Self> {
        let currency = Currency::from_code(currency)
            .with_context(|| format!("`{currency}` is no currency of ISO 4217"))?;
        Ok(Self { amount, currency })
    }
}

impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let decimals = usize::from(self.currency.exponent().unwrap_or(0));
        // At least one digit before the point.
        let digits = format!(
            "{:0>width$}",
            self.amount.unsigned_abs(),
            width = decimals + 1
        );
        let (whole, fraction) = digits.split_at(digits.len() - decimals);
        let sign = if self.amount < 0 { "-" } else { "" };
        write!(f, "{sign}{}{}", self.currency.symbol(), thousands(whole))?;
        if decimals > 0 {
            write!(f, ".{fraction}")?;
        }
        Ok(())
    }
}

fn thousands(digits: &str) -> String {
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_read_as_people_write_them() {
        for (amount, currency, text) in [
            (255, "GBP", "£2.55"),
            (5, "GBP", "£0.05"),
            (0, "GBP", "£0.00"),
            (123_456_789, "EUR", "€1,234,567.89"),
            (-100_000, "USD", "-$1,000.00"),
            (1_500, "JPY", "¥1,500"),
            (i64::MIN, "GBP", "-£92,233,720,368,547,758.08"),
        ] {
            assert_eq!(Money::new(amount, currency).unwrap().to_string(), text);
        }
        assert!(Money::new(1, "XXQ").is_err());
    }
}
