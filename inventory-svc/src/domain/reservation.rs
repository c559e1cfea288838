use std::collections::BTreeMap;

use iso_currency::Currency;
use uuid::Uuid;

use super::{CodeRefusal, InvalidProduct, Sku};

/// Pieces of one line: 1 to 1,000,000.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quantity(i64);

impl Quantity {
    pub const MAX: i64 = 1_000_000;

    #[must_use]
    pub fn parse(pieces: i64) -> Option<Self> {
        (1..=Self::MAX).contains(&pieces).then_some(Self(pieces))
    }

    #[must_use]
    pub fn get(self) -> i64 {
        self.0
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestLine {
    pub sku: Sku,
    pub quantity: Quantity,
    /// Its place, from 0, in what the caller wrote. A refusal names the line by it.
    pub index: usize,
}

/// What the buyer wants to use for the order beside money.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Incentive {
    pub discount_code: Option<String>,
    pub redeem_points: Option<i64>,
}

/// What somebody asks for: its lines are distinct by SKU, and there is at least one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Basket {
    pub customer_id: Uuid,
    lines: Vec<RequestLine>,
    pub incentive: Option<Incentive>,
}

impl Basket {
    /// Lines of one SKU are summed into the first of them.
    ///
    /// # Errors
    /// When there is no line, a sum is beyond [`Quantity::MAX`], or a number of points is negative.
    pub fn new(
        customer_id: Uuid,
        lines: Vec<RequestLine>,
        incentive: Option<Incentive>,
    ) -> Result<Self, RefusedReservation> {
        let mut distinct: Vec<RequestLine> = Vec::with_capacity(lines.len());
        let mut position = BTreeMap::new();
        for line in lines {
            match position.get(&line.sku) {
                None => {
                    position.insert(line.sku.clone(), distinct.len());
                    distinct.push(line);
                }
                Some(&first) => {
                    let sum = &mut distinct[first].quantity;
                    *sum = Quantity::parse(sum.get() + line.quantity.get())
                        .ok_or(RefusedReservation::Quantity { line: line.index })?;
                }
            }
        }
        if distinct.is_empty() {
            return Err(RefusedReservation::Empty);
        }
        if let Some(Incentive {
            redeem_points: Some(..0),
            ..
        }) = incentive
        {
            return Err(RefusedReservation::NegativePoints);
        }
        Ok(Self {
            customer_id,
            lines: distinct,
            incentive,
        })
    }

    #[must_use]
    pub fn lines(&self) -> &[RequestLine] {
        &self.lines
    }

    #[must_use]
    pub fn discount_code(&self) -> Option<&str> {
        self.incentive.as_ref()?.discount_code.as_deref()
    }

    /// Points to redeem; zero if none.
    #[must_use]
    pub fn points(&self) -> i64 {
        self.incentive
            .as_ref()
            .and_then(|incentive| incentive.redeem_points)
            .unwrap_or_default()
    }
}

/// A line with what it costs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PricedLine {
    pub sku: Sku,
    pub name: String,
    pub quantity: i64,
    /// Minor units, for one piece.
    pub unit_price: i64,
    /// Minor units, for the whole line.
    pub discount: i64,
    /// Minor units of the line that points pay.
    pub points_value: i64,
    /// What is left to sell after this line.
    pub available: i64,
}

/// A SKU of which there is not enough.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shortage {
    pub sku: Sku,
    pub requested: i64,
    pub available: i64,
}

/// Why nothing was held.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RefusedReservation {
    #[error("a hold needs at least one line")]
    Empty,
    #[error("must be from 1 to {max}", max = Quantity::MAX)]
    Quantity { line: usize },
    #[error("{reason}")]
    Sku { line: usize, reason: InvalidProduct },
    #[error("unknown SKU")]
    UnknownSkus { lines: Vec<usize> },
    #[error("is priced in another currency than the first line")]
    OtherCurrency { line: usize },
    #[error("not enough stock")]
    Shortages(Vec<Shortage>),
    #[error(transparent)]
    Code(CodeRefusal),
    #[error("must not be negative")]
    NegativePoints,
    #[error(transparent)]
    Points(PointsRefusal),
}

/// Why points cannot be redeemed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PointsRefusal {
    #[error("more points than the balance of {balance}")]
    NotEnough { balance: i64 },
    /// None are redeemed for nothing.
    #[error("more points than the order costs; it takes {most} at most")]
    MoreThanTotal { most: i64 },
    #[error("points pay orders in {}", currency.code())]
    OtherCurrency { currency: Currency },
}

impl PointsRefusal {
    /// For programs.
    #[must_use]
    pub fn kind(self) -> &'static str {
        match self {
            Self::NotEnough { .. } => "not-enough-points",
            Self::MoreThanTotal { .. } => "more-than-total",
            Self::OtherCurrency { .. } => "other-currency",
        }
    }
}
