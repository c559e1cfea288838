use std::collections::HashMap;

use serde::Serialize;

/// Pieces of distinct SKUs, at least one of each. Two of the same content are written as the same JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Pieces {
    lines: Vec<BasketLine>,
    #[serde(skip)]
    asked: Vec<BasketLine>,
}

/// What a customer asks for. Two requests of the same content are written as the same JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Basket {
    lines: Pieces,
    incentive: Option<Incentive>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct BasketLine {
    pub sku: String,
    /// Pieces.
    pub quantity: i64,
}

/// What the customer uses for the order beside money: a code, points or both.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Incentive {
    pub discount_code: Option<String>,
    pub redeem_points: Option<i64>,
}

impl Pieces {
    pub const MAX_LINES: usize = 2_000;
    pub const MAX_QUANTITY: i64 = 1_000_000;

    /// Lines of one SKU are summed into the first of them.
    ///
    /// # Errors
    /// When there is no line, or too many, or a quantity is out of range.
    pub fn new(lines: Vec<BasketLine>) -> Result<Self, InvalidBasket> {
        if lines.is_empty() || lines.len() > Self::MAX_LINES {
            return Err(InvalidBasket::Lines);
        }
        let mut distinct: Vec<BasketLine> = Vec::with_capacity(lines.len());
        let mut position = HashMap::new();
        for (line, asked) in lines.iter().enumerate() {
            let valid = 1..=Self::MAX_QUANTITY;
            if !valid.contains(&asked.quantity) {
                return Err(InvalidBasket::Quantity { line });
            }
            match position.get(&asked.sku) {
                None => {
                    position.insert(&asked.sku, distinct.len());
                    distinct.push(asked.clone());
                }
                Some(&first) => {
                    let first: &mut BasketLine = &mut distinct[first];
                    first.quantity += asked.quantity;
                    if !valid.contains(&first.quantity) {
                        return Err(InvalidBasket::Quantity { line });
                    }
                }
            }
        }
        Ok(Self {
            lines: distinct,
            asked: lines,
        })
    }

    #[must_use]
    pub fn lines(&self) -> &[BasketLine] {
        &self.lines
    }

    /// The lines as they were written, for who names a bad one by its place.
    #[must_use]
    pub fn asked(&self) -> &[BasketLine] {
        &self.asked
    }

    /// Where a SKU was first written.
    #[must_use]
    pub fn place_of(&self, sku: &str) -> usize {
        self.asked
            .iter()
            .position(|line| line.sku == sku)
            .unwrap_or_default()
    }

    /// Pieces of this SKU; zero if none are asked for.
    #[must_use]
    pub fn of(&self, sku: &str) -> i64 {
        self.lines
            .iter()
            .find(|line| line.sku == sku)
            .map_or(0, |line| line.quantity)
    }
}

impl Basket {
    /// # Errors
    /// Those of [`Pieces::new`] and [`Incentive::check`].
    pub fn new(
        lines: Vec<BasketLine>,
        incentive: Option<Incentive>,
    ) -> Result<Self, InvalidBasket> {
        Ok(Self {
            lines: Pieces::new(lines)?,
            incentive: incentive.map(Incentive::check).transpose()?.flatten(),
        })
    }

    #[must_use]
    pub fn pieces(&self) -> &Pieces {
        &self.lines
    }

    #[must_use]
    pub fn incentive(&self) -> Option<&Incentive> {
        self.incentive.as_ref()
    }
}

impl Incentive {
    /// None if it uses nothing.
    ///
    /// # Errors
    /// When the number of points is negative.
    pub fn check(self) -> Result<Option<Self>, InvalidBasket> {
        let redeem_points = self.redeem_points.filter(|points| *points != 0);
        if redeem_points.is_some_and(|points| points < 0) {
            return Err(InvalidBasket::Points);
        }
        let uses = self.discount_code.is_some() || redeem_points.is_some();
        Ok(uses.then_some(Self {
            redeem_points,
            ..self
        }))
    }
}

/// Which part of a basket is not acceptable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidBasket {
    #[error("an order has 1 to {max} lines", max = Pieces::MAX_LINES)]
    Lines,
    #[error("must be from 1 to {max}", max = Pieces::MAX_QUANTITY)]
    Quantity { line: usize },
    #[error("must not be negative")]
    Points,
}

impl InvalidBasket {
    /// The path of the field in a request.
    #[must_use]
    pub fn field(self) -> String {
        match self {
            Self::Lines => "lines".to_owned(),
            Self::Quantity { line } => format!("lines[{line}].quantity"),
            Self::Points => "incentive.redeem_points".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn basket(lines: &[(&str, i64)]) -> Result<Basket, InvalidBasket> {
        let lines = lines
            .iter()
            .map(|(sku, quantity)| BasketLine {
                sku: (*sku).to_owned(),
                quantity: *quantity,
            })
            .collect();
        Basket::new(lines, None)
    }

    #[test]
    fn lines_of_one_sku_are_one_line() {
        let basket = basket(&[("A", 1), ("B", 2), ("A", 3)]).unwrap();
        let lines: Vec<_> = basket
            .pieces()
            .lines()
            .iter()
            .map(|line| (line.sku.as_str(), line.quantity))
            .collect();
        assert_eq!(lines, [("A", 4), ("B", 2)]);
    }

    #[test]
    fn a_bad_quantity_names_its_line() {
        assert_eq!(basket(&[]), Err(InvalidBasket::Lines));
        for bad in [0, -1, Pieces::MAX_QUANTITY + 1] {
            assert_eq!(
                basket(&[("A", 1), ("B", bad)]),
                Err(InvalidBasket::Quantity { line: 1 })
            );
        }
        let twice = basket(&[("A", Pieces::MAX_QUANTITY), ("A", 1)]);
        assert_eq!(twice, Err(InvalidBasket::Quantity { line: 1 }));
    }

    #[test]
    fn an_incentive_that_uses_nothing_is_none() {
        let line = BasketLine {
            sku: "A".to_owned(),
            quantity: 1,
        };
        let incentive = |redeem_points| Incentive {
            discount_code: None,
            redeem_points,
        };
        let basket = Basket::new(vec![line.clone()], Some(incentive(Some(0)))).unwrap();
        assert_eq!(basket.incentive(), None);
        assert_eq!(
            Basket::new(vec![line], Some(incentive(Some(-1)))),
            Err(InvalidBasket::Points)
        );
    }
}
