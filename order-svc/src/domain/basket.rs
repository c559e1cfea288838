use std::collections::HashMap;

use serde::Serialize;

/// What a customer asks for: distinct SKUs, at least one. Two requests of the same content are written as the same JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Basket {
    lines: Vec<BasketLine>,
    incentive: Option<Incentive>,
    #[serde(skip)]
    asked: Vec<BasketLine>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct BasketLine {
    pub sku: String,
    /// Pieces.
    pub quantity: i64,
}

/// What the customer uses for the order beside money.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Incentive {
    pub discount_code: Option<String>,
    pub redeem_points: Option<i64>,
}

impl Basket {
    pub const MAX_LINES: usize = 2_000;
    pub const MAX_QUANTITY: i64 = 1_000_000;

    /// Lines of one SKU are summed into the first of them.
    ///
    /// # Errors
    /// When there is no line, or too many, or a quantity is out of range, or an incentive is empty.
    pub fn new(
        lines: Vec<BasketLine>,
        incentive: Option<Incentive>,
    ) -> Result<Self, InvalidBasket> {
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
        let incentive = incentive.filter(|incentive| {
            incentive.discount_code.is_some()
                || incentive.redeem_points.is_some_and(|points| points != 0)
        });
        if let Some(Incentive {
            redeem_points: Some(..0),
            ..
        }) = incentive
        {
            return Err(InvalidBasket::Points);
        }
        Ok(Self {
            lines: distinct,
            incentive,
            asked: lines,
        })
    }

    #[must_use]
    pub fn lines(&self) -> &[BasketLine] {
        &self.lines
    }

    /// The lines as the customer wrote them, for who names a bad one by its place.
    #[must_use]
    pub fn asked(&self) -> &[BasketLine] {
        &self.asked
    }

    #[must_use]
    pub fn incentive(&self) -> Option<&Incentive> {
        self.incentive.as_ref()
    }
}

/// Which part of a basket is not acceptable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidBasket {
    #[error("an order has 1 to {max} lines", max = Basket::MAX_LINES)]
    Lines,
    #[error("must be from 1 to {max}", max = Basket::MAX_QUANTITY)]
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
            .lines()
            .iter()
            .map(|line| (line.sku.as_str(), line.quantity))
            .collect();
        assert_eq!(lines, [("A", 4), ("B", 2)]);
    }

    #[test]
    fn a_bad_quantity_names_its_line() {
        assert_eq!(basket(&[]), Err(InvalidBasket::Lines));
        for bad in [0, -1, Basket::MAX_QUANTITY + 1] {
            assert_eq!(
                basket(&[("A", 1), ("B", bad)]),
                Err(InvalidBasket::Quantity { line: 1 })
            );
        }
        let twice = basket(&[("A", Basket::MAX_QUANTITY), ("A", 1)]);
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
