use std::fmt;

use iso_currency::Currency;

use super::stock::Pieces;

/// The name by which a product is ordered: 1 to 64 letters, digits, `.`, `_`, `-`; case counts. Not `import`: that is
/// another address.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Sku(String);

impl Sku {
    /// # Errors
    /// When the text is no SKU.
    pub fn parse(text: &str) -> Result<Self, InvalidProduct> {
        let valid = (1..=64).contains(&text.len())
            && text != "import"
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
        one_line(text, 200).map(Self).ok_or(InvalidProduct::Name)
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What a product is one of: 1 to 100 characters, none of them a control character.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Category(String);

impl Category {
    /// # Errors
    /// When the text is no category.
    pub fn parse(text: &str) -> Result<Self, InvalidProduct> {
        one_line(text, 100)
            .map(Self)
            .ok_or(InvalidProduct::Category)
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The text without blanks around it, if it is 1 to `most` characters and none of them a control character.
fn one_line(text: &str, most: usize) -> Option<String> {
    let text = text.trim();
    let valid = (1..=most).contains(&text.chars().count()) && !text.chars().any(char::is_control);
    valid.then(|| text.to_owned())
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
        let currency = Self::currency(currency)?;
        let amount = Self::amount(amount)?;
        Ok(Self { amount, currency })
    }

    /// # Errors
    /// When it is negative or absurd.
    pub fn amount(amount: i64) -> Result<i64, InvalidProduct> {
        if (0..=Self::MAX).contains(&amount) {
            Ok(amount)
        } else {
            Err(InvalidProduct::Price)
        }
    }

    /// # Errors
    /// When it is not of ISO 4217.
    pub fn currency(code: &str) -> Result<Currency, InvalidProduct> {
        Currency::from_code(code).ok_or(InvalidProduct::Currency)
    }
}

/// A product as it is sold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Product {
    pub sku: Sku,
    pub name: ProductName,
    pub price: Money,
    pub category: Option<Category>,
    /// At this many to sell, or fewer, it runs low.
    pub low_threshold: Option<Pieces>,
    /// How far beyond what is on hand may be sold.
    pub backorder_limit: Pieces,
}

/// Which part of a product is not acceptable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidProduct {
    #[error("1 to 64 letters, digits, `.`, `_` or `-`; not `import`")]
    Sku,
    #[error("1 to 200 characters, no control characters")]
    Name,
    #[error("from 0 to 1,000,000,000 minor units")]
    Price,
    #[error("a currency code of ISO 4217, for example GBP")]
    Currency,
    #[error("1 to 100 characters, no control characters")]
    Category,
    #[error("from 0 to 1,000,000,000 pieces")]
    LowThreshold,
    #[error("from 0 to 1,000,000,000 pieces")]
    BackorderLimit,
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
            Self::Category => "category",
            Self::LowThreshold => "low_threshold",
            Self::BackorderLimit => "backorder_limit",
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
        for bad in ["", " ", "a b", "a/b", "é", "import", &"x".repeat(65)] {
            assert_eq!(Sku::parse(bad), Err(InvalidProduct::Sku), "{bad:?}");
        }
    }

    #[test]
    fn a_category_is_one_line() {
        assert_eq!(Category::parse(" Mugs ").unwrap().as_str(), "Mugs");
        assert!(Category::parse(&"é".repeat(100)).is_ok());
        for bad in ["", " ", "a\nb", "a\u{0}", &"x".repeat(101)] {
            assert_eq!(
                Category::parse(bad),
                Err(InvalidProduct::Category),
                "{bad:?}"
            );
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
