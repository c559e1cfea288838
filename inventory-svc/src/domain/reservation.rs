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

/// What somebody asks for. Its lines are distinct by SKU; there is at least one, or an order whose lines get an incentive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Basket {
    pub customer_id: Uuid,
    lines: Vec<RequestLine>,
    pub incentive: Option<Incentive>,
    context: Option<Context>,
}

/// An order that asks for more. Nothing of it is taken again; discounts and points depend on it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Context {
    pub currency: Currency,
    pub lines: Vec<OrderedLine>,
    /// The order's discount code, which counts already: what is added gets what it still gives.
    pub discount_code: Option<String>,
}

/// A line that an order has. Amounts are minor units, for all of `quantity`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderedLine {
    pub sku: Sku,
    pub quantity: i64,
    /// For one piece.
    pub unit_price: i64,
    pub discount: i64,
    pub points_value: i64,
}

impl OrderedLine {
    /// The price, before discount and points.
    #[must_use]
    pub fn amount(&self) -> i64 {
        self.quantity * self.unit_price
    }

    /// What is left to pay.
    #[must_use]
    pub fn due(&self) -> i64 {
        self.amount() - self.discount - self.points_value
    }

    /// Whether the figures make sense together.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        let amount = self
            .quantity
            .checked_mul(self.unit_price)
            .unwrap_or_default();
        self.quantity > 0
            && self.unit_price >= 0
            && self.discount >= 0
            && self.points_value >= 0
            && self
                .discount
                .checked_add(self.points_value)
                .is_some_and(|off| off <= amount)
    }
}

impl Basket {
    /// A basket without a context.
    ///
    /// # Errors
    /// See [`Basket::within`].
    pub fn new(
        customer_id: Uuid,
        lines: Vec<RequestLine>,
        incentive: Option<Incentive>,
    ) -> Result<Self, RefusedReservation> {
        Self::within(None, customer_id, lines, incentive)
    }

    /// What an order asks for beyond its `context`. Lines of one SKU are summed into the first of them.
    ///
    /// # Errors
    /// When there is neither a line nor an order that gets an incentive, a sum is beyond [`Quantity::MAX`], a number of
    /// points is negative, or a line of the context makes no sense.
    pub fn within(
        context: Option<Context>,
        customer_id: Uuid,
        lines: Vec<RequestLine>,
        incentive: Option<Incentive>,
    ) -> Result<Self, RefusedReservation> {
        let ordered = context.as_ref().map_or(&[][..], |context| &context.lines);
        if let Some(line) = ordered.iter().position(|line| !line.is_sound()) {
            return Err(RefusedReservation::Ordered { line });
        }
        let gets_incentive = !ordered.is_empty() && incentive.is_some();
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
        if distinct.is_empty() && !gets_incentive {
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
            context,
        })
    }

    #[must_use]
    pub fn lines(&self) -> &[RequestLine] {
        &self.lines
    }

    #[must_use]
    pub fn context(&self) -> Option<&Context> {
        self.context.as_ref()
    }

    /// The lines that the order has already.
    #[must_use]
    pub fn ordered(&self) -> &[OrderedLine] {
        self.context.as_ref().map_or(&[], |context| &context.lines)
    }

    /// The code that the order has already.
    #[must_use]
    pub fn continued_code(&self) -> Option<&str> {
        self.context.as_ref()?.discount_code.as_deref()
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
    #[error("is priced in another currency than the rest of the order")]
    OtherCurrency { line: usize },
    #[error("quantity, price, discount and points of a line do not go together")]
    Ordered { line: usize },
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
