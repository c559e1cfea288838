use std::fmt;

use iso_currency::Currency;

/// The name by which a product is ordered: 1 to 64 letters, digits, `.`, `_`, `-`; case counts.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Sku(String);

impl Sku {
    /// # Errors
    /// When the text is no SKU.
    pub fn parse(text: &str) -> Result<Self, InvalidProduct> {
        let valid = (1..=64).contains(&text.len())
            && text
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte));
        if valid {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidProduct::Sku)
        }
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Sku {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What people read: 1 to 200 characters, none of them a control character.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProductName(String);

impl ProductName {
    /// # Errors
    /// When the text is no name.
    pub fn parse(text: &str) -> Result<Self, InvalidProduct> {
        let text = text.trim();
        let valid =
            (1..=200).contains(&text.chars().count()) && !text.chars().any(char::is_control);
        if valid {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidProduct::Name)
        }
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// An amount in minor units of a currency.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Money {
    pub amount: i64,
    pub currency: Currency,
}

impl Money {
    /// Far above any price, and low enough that a basket's sum cannot overflow.
    const MAX: i64 = 1_000_000_000;

    /// # Errors
    /// When the amount is negative or absurd, or the currency is not of ISO 4217.
    pub fn price(amount: i64, currency: &str) -> Result<Self, InvalidProduct> {
        let currency = Currency::from_code(currency).ok_or(InvalidProduct::Currency)?;
        if (0..=Self::MAX).contains(&amount) {
            Ok(Self { amount, currency })
        } else {
            Err(InvalidProduct::Price)
        }
    }
}

/// A product as it is sold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Product {
    pub sku: Sku,
    pub name: ProductName,
    pub price: Money,
}

/// Which part of a product is not acceptable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidProduct {
    #[error("1 to 64 letters, digits, `.`, `_` or `-`")]
    Sku,
    #[error("1 to 200 characters, no control characters")]
    Name,
    #[error("from 0 to 1,000,000,000 minor units")]
    Price,
    #[error("a currency code of ISO 4217, for example GBP")]
    Currency,
}

impl InvalidProduct {
    /// The path of the field in a request.
    #[must_use]
    pub fn field(self) -> &'static str {
        match self {
            Self::Sku => "sku",
            Self::Name => "name",
            Self::Price => "price.amount",
            Self::Currency => "price.currency",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sku_keeps_its_case_and_takes_no_blanks() {
        assert_eq!(Sku::parse("85123A-255").unwrap().as_str(), "85123A-255");
        assert_ne!(
            Sku::parse("15056bl").unwrap(),
            Sku::parse("15056BL").unwrap()
        );
        for bad in ["", " ", "a b", "a/b", "é", &"x".repeat(65)] {
            assert_eq!(Sku::parse(bad), Err(InvalidProduct::Sku), "{bad:?}");
        }
    }

    #[test]
    fn a_price_is_not_negative_and_its_currency_exists() {
        assert!(Money::price(0, "GBP").is_ok());
        assert_eq!(Money::price(-1, "GBP"), Err(InvalidProduct::Price));
        assert_eq!(Money::price(1, "gbp"), Err(InvalidProduct::Currency));
        assert_eq!(Money::price(1, "QQQ"), Err(InvalidProduct::Currency));
    }
}
