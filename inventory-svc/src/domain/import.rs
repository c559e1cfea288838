use std::fmt;

use iso_currency::Currency;

use super::{
    product::{Category, Money, Product, ProductName, Sku},
    stock::{Levels, MovementKind, Pieces},
};

/// A column of a file of products.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Column {
    Sku,
    Name,
    Price,
    Currency,
    Category,
    OnHand,
    LowThreshold,
    BackorderLimit,
}

impl Column {
    pub const ALL: [Self; 8] = [
        Self::Sku,
        Self::Name,
        Self::Price,
        Self::Currency,
        Self::Category,
        Self::OnHand,
        Self::LowThreshold,
        Self::BackorderLimit,
    ];

    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Sku => "sku",
            Self::Name => "name",
            Self::Price => "price",
            Self::Currency => "currency",
            Self::Category => "category",
            Self::OnHand => "on_hand",
            Self::LowThreshold => "low_threshold",
            Self::BackorderLimit => "backorder_limit",
        }
    }
}

/// What is wrong with a line of the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// As an editor counts them, from 1.
    pub line: u64,
    /// None: the line as a whole.
    pub column: Option<Column>,
    pub detail: String,
}

impl Fault {
    pub fn of(line: u64, column: Column, detail: impl fmt::Display) -> Self {
        Self {
            line,
            column: Some(column),
            detail: detail.to_string(),
        }
    }

    pub fn of_line(line: u64, detail: impl fmt::Display) -> Self {
        Self {
            line,
            column: None,
            detail: detail.to_string(),
        }
    }
}

/// A line of the file. What it leaves empty stays as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImportRow {
    /// As an editor counts them, from 1.
    pub line: u64,
    pub sku: Sku,
    pub name: Option<ProductName>,
    /// Minor units.
    pub price: Option<i64>,
    pub currency: Option<Currency>,
    pub category: Option<Category>,
    /// What the count on the shelf was.
    pub on_hand: Option<Pieces>,
    pub low_threshold: Option<Pieces>,
    pub backorder_limit: Option<Pieces>,
}

/// A product as it stands before the import.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    pub product: Product,
    pub version: i64,
    /// False: it was removed, and may come back.
    pub active: bool,
    pub levels: Levels,
}

/// What a line comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Added, or brought back.
    Created,
    Changed,
    /// Nothing but the stock, if that.
    Unchanged,
}

/// What is to be written for a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Planned {
    pub outcome: Outcome,
    pub product: Product,
    /// After the import.
    pub version: i64,
    pub before: Levels,
    pub after: Levels,
    /// By how much `on_hand` changes, and why.
    pub movement: Option<(MovementKind, i64)>,
}

impl ImportRow {
    /// Decides what the line changes of what stands.
    ///
    /// # Errors
    /// Everything that is wrong with the line.
    pub fn plan(self, standing: Option<&Standing>) -> Result<Planned, Vec<Fault>> {
        let (line, counted) = (self.line, self.on_hand.map(Pieces::get));
        let sold = standing.filter(|standing| standing.active);
        let product = match sold {
            Some(sold) => self.merged(&sold.product),
            None => self.new_product()?,
        };
        let before = standing.map_or_else(Levels::default, |standing| standing.levels);
        let after = Levels {
            on_hand: counted.unwrap_or(before.on_hand),
            backorder_limit: product.backorder_limit.get(),
            low_threshold: product.low_threshold.map(Pieces::get),
            ..before
        };
        if after.is_oversold() {
            let column = if after.on_hand < before.on_hand {
                Column::OnHand
            } else {
                Column::BackorderLimit
            };
            let detail = format!(
                "orders hold {} pieces: more than on_hand {} and backorder_limit {} together",
                after.reserved, after.on_hand, after.backorder_limit
            );
            return Err(vec![Fault::of(line, column, detail)]);
        }
        let outcome = match sold {
            None => Outcome::Created,
            Some(sold) if sold.product == product => Outcome::Unchanged,
            Some(_) => Outcome::Changed,
        };
        let version = standing.map_or(0, |standing| standing.version);
        let difference = after.on_hand - before.on_hand;
        let kind = match outcome {
            Outcome::Created if difference > 0 => MovementKind::Receipt,
            Outcome::Created | Outcome::Changed | Outcome::Unchanged => MovementKind::Adjustment,
        };
        Ok(Planned {
            outcome,
            product,
            version: version + i64::from(outcome != Outcome::Unchanged),
            before,
            after,
            movement: (difference != 0).then_some((kind, difference)),
        })
    }

    fn merged(self, known: &Product) -> Product {
        Product {
            name: self.name.unwrap_or_else(|| known.name.clone()),
            price: Money {
                amount: self.price.unwrap_or(known.price.amount),
                currency: self.currency.unwrap_or(known.price.currency),
            },
            category: self.category.or_else(|| known.category.clone()),
            low_threshold: self.low_threshold.or(known.low_threshold),
            backorder_limit: self.backorder_limit.unwrap_or(known.backorder_limit),
            sku: self.sku,
        }
    }

    fn new_product(self) -> Result<Product, Vec<Fault>> {
        let missing = [
            (Column::Name, self.name.is_none()),
            (Column::Price, self.price.is_none()),
            (Column::Currency, self.currency.is_none()),
        ]
        .into_iter()
        .filter(|(_, missing)| *missing)
        .map(|(column, _)| Fault::of(self.line, column, "a new product needs it"));
        match (self.name, self.price, self.currency) {
            (Some(name), Some(amount), Some(currency)) => Ok(Product {
                sku: self.sku,
                name,
                price: Money { amount, currency },
                category: self.category,
                low_threshold: self.low_threshold,
                backorder_limit: self.backorder_limit.unwrap_or_default(),
            }),
            _ => Err(missing.collect()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pieces(number: i64) -> Option<Pieces> {
        Some(Pieces::parse(number).unwrap())
    }

    fn row() -> ImportRow {
        ImportRow {
            line: 7,
            sku: Sku::parse("A").unwrap(),
            name: None,
            price: None,
            currency: None,
            category: None,
            on_hand: None,
            low_threshold: None,
            backorder_limit: None,
        }
    }

    fn new_row() -> ImportRow {
        ImportRow {
            name: Some(ProductName::parse("Mug").unwrap()),
            price: Some(255),
            currency: Some(Currency::GBP),
            ..row()
        }
    }

    /// 10 on hand, 4 of them reserved.
    fn standing() -> Standing {
        let planned = ImportRow {
            category: Some(Category::parse("Mugs").unwrap()),
            low_threshold: pieces(2),
            ..new_row()
        }
        .plan(None)
        .unwrap();
        Standing {
            product: planned.product,
            version: 3,
            active: true,
            levels: Levels {
                on_hand: 10,
                reserved: 4,
                ..planned.after
            },
        }
    }

    fn columns(faults: Vec<Fault>) -> Vec<Column> {
        faults
            .into_iter()
            .map(|fault| {
                assert_eq!(fault.line, 7);
                fault.column.unwrap()
            })
            .collect()
    }

    #[test]
    fn a_new_product_needs_name_and_price_and_its_stock_is_received() {
        let faults = row().plan(None).unwrap_err();
        assert_eq!(
            columns(faults),
            [Column::Name, Column::Price, Column::Currency]
        );
        let planned = ImportRow {
            on_hand: pieces(5),
            ..new_row()
        }
        .plan(None)
        .unwrap();
        assert_eq!((planned.outcome, planned.version), (Outcome::Created, 1));
        assert_eq!(planned.movement, Some((MovementKind::Receipt, 5)));
        assert_eq!(planned.after.on_hand, 5);
        assert_eq!(new_row().plan(None).unwrap().movement, None);
    }

    #[test]
    fn what_a_line_leaves_empty_stays() {
        let known = standing();
        let planned = row().plan(Some(&known)).unwrap();
        assert_eq!(
            (planned.outcome, planned.version, planned.movement),
            (Outcome::Unchanged, 3, None)
        );
        assert_eq!(
            (planned.after, planned.product),
            (known.levels, known.product.clone())
        );

        let dearer = ImportRow {
            price: Some(300),
            ..row()
        };
        let planned = dearer.plan(Some(&known)).unwrap();
        assert_eq!((planned.outcome, planned.version), (Outcome::Changed, 4));
        let expected = Product {
            price: Money {
                amount: 300,
                currency: Currency::GBP,
            },
            ..known.product
        };
        assert_eq!(planned.product, expected);
    }

    #[test]
    fn a_count_is_booked_as_the_difference_and_not_below_what_orders_hold() {
        let known = standing();
        let counted = |number| {
            ImportRow {
                on_hand: pieces(number),
                ..row()
            }
            .plan(Some(&known))
        };
        let planned = counted(4).unwrap();
        assert_eq!(planned.movement, Some((MovementKind::Adjustment, -6)));
        assert_eq!(planned.outcome, Outcome::Unchanged);
        assert_eq!(counted(10).unwrap().movement, None);
        assert_eq!(columns(counted(3).unwrap_err()), [Column::OnHand]);
        let with_backorders = ImportRow {
            on_hand: pieces(3),
            backorder_limit: pieces(1),
            ..row()
        };
        assert!(with_backorders.plan(Some(&known)).is_ok());
    }

    #[test]
    fn a_backorder_limit_is_not_lowered_below_what_orders_hold() {
        let mut known = standing();
        known.product.backorder_limit = pieces(5).unwrap();
        known.levels.backorder_limit = 5;
        known.levels.reserved = 12;
        let limited = |number| {
            ImportRow {
                backorder_limit: pieces(number),
                ..row()
            }
            .plan(Some(&known))
        };
        assert!(limited(2).is_ok());
        assert_eq!(columns(limited(1).unwrap_err()), [Column::BackorderLimit]);
    }

    #[test]
    fn a_removed_product_comes_back_as_a_new_one_with_its_stock() {
        let known = Standing {
            active: false,
            ..standing()
        };
        assert_eq!(columns(row().plan(Some(&known)).unwrap_err()).len(), 3);
        let planned = new_row().plan(Some(&known)).unwrap();
        assert_eq!((planned.outcome, planned.version), (Outcome::Created, 4));
        assert_eq!(planned.product.category, None);
        assert_eq!(planned.after.on_hand, 10);
        let fewer = ImportRow {
            on_hand: pieces(8),
            ..new_row()
        };
        let movement = fewer.plan(Some(&known)).unwrap().movement;
        assert_eq!(movement, Some((MovementKind::Adjustment, -2)));
    }
}
