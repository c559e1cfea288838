use std::fmt;

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::{Incentive, Line};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    Placed,
    /// Its stock is safe.
    Confirmed,
    Shipped,
    Delivered,
    Cancelled,
}

impl Status {
    pub const ALL: [Self; 5] = [
        Self::Placed,
        Self::Confirmed,
        Self::Shipped,
        Self::Delivered,
        Self::Cancelled,
    ];

    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Placed => "placed",
            Self::Confirmed => "confirmed",
            Self::Shipped => "shipped",
            Self::Delivered => "delivered",
            Self::Cancelled => "cancelled",
        }
    }

    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == text)
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What an order holds, priced: what inventory-svc answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pricing {
    /// ISO 4217.
    pub currency: String,
    pub lines: Vec<PricedLine>,
    /// Points that the hold took, and the minor units that each of them pays.
    pub points: i64,
    pub point_value: i64,
    /// The code that gave the discount, as its owner wrote it.
    pub discount_code: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PricedLine {
    pub sku: String,
    pub name: String,
    /// Pieces.
    pub quantity: i64,
    /// Minor units, for one piece.
    pub unit_price: i64,
    /// Minor units, for the whole line.
    pub discount: i64,
    /// Minor units of the line that points pay.
    pub points_value: i64,
}

/// An order. Every change is a method that succeeds, is a documented no-op, or is an error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    pub id: Uuid,
    pub customer_id: Uuid,
    pub status: Status,
    pub version: i64,
    pub currency: String,
    pub lines: Vec<Line>,
    /// Points, as it was placed.
    pub points_redeemed: i64,
    /// Minor units that each of them pays.
    pub point_value: i64,
    pub refunded: i64,
    pub incentive: Option<Incentive>,
    /// Numbers of the holds that it has committed.
    pub holds: Vec<i32>,
    pub placed_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
}

/// What happened to an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OrderEvent {
    Created,
    CreatedWithIncentive,
    Confirmed,
    Cancelled { reason: Option<Reason> },
}

/// Why something was done: at most 500 characters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reason(String);

impl Reason {
    const MAX: usize = 500;

    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        (1..=Self::MAX)
            .contains(&text.chars().count())
            .then(|| Self(text.to_owned()))
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A change that the order's status does not allow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an order that is {from} cannot be {action}")]
pub struct IllegalTransition {
    /// The past participle: cancelled, shipped.
    pub action: &'static str,
    pub from: Status,
}

impl Order {
    /// A new order that commits its hold `hold_no`.
    #[must_use]
    pub fn place(
        id: Uuid,
        customer_id: Uuid,
        hold_no: i32,
        pricing: Pricing,
        incentive: Option<Incentive>,
        at: DateTime<Utc>,
    ) -> (Self, OrderEvent) {
        let event = match incentive {
            None => OrderEvent::Created,
            Some(_) => OrderEvent::CreatedWithIncentive,
        };
        let lines = pricing
            .lines
            .into_iter()
            .map(|line| Line {
                sku: line.sku,
                name: line.name,
                quantity: line.quantity,
                unit_price: line.unit_price,
                discount: line.discount,
                points_value: line.points_value,
                cancelled_quantity: 0,
                returned_quantity: 0,
                restocked_quantity: 0,
            })
            .collect();
        // A code is found whatever its case; the order shows it as its owner wrote it.
        let incentive = incentive.map(|incentive| Incentive {
            discount_code: pricing.discount_code.or(incentive.discount_code),
            ..incentive
        });
        let order = Self {
            id,
            customer_id,
            status: Status::Placed,
            version: 1,
            currency: pricing.currency,
            lines,
            points_redeemed: pricing.points,
            point_value: pricing.point_value,
            refunded: 0,
            incentive,
            holds: vec![hold_no],
            placed_at: at,
            updated_at: at,
        };
        (order, event)
    }

    /// Notes that the stock of these holds is safe. A no-op while a hold of the order is missing among them (its own
    /// confirmation will follow) and for an order that has moved on or was cancelled meanwhile: the news is merely late.
    pub fn confirm(&mut self, holds: &[i32], at: DateTime<Utc>) -> Option<OrderEvent> {
        match self.status {
            Status::Placed if self.holds.iter().all(|own| holds.contains(own)) => {
                self.enter(Status::Confirmed, at);
                Some(OrderEvent::Confirmed)
            }
            Status::Placed
            | Status::Confirmed
            | Status::Shipped
            | Status::Delivered
            | Status::Cancelled => None,
        }
    }

    /// Cancels the whole order; cancelling twice is a no-op, so that a retry is safe.
    ///
    /// # Errors
    /// When the goods have left.
    pub fn cancel(
        &mut self,
        reason: Option<Reason>,
        at: DateTime<Utc>,
    ) -> Result<Option<OrderEvent>, IllegalTransition> {
        match self.status {
            Status::Cancelled => Ok(None),
            Status::Placed | Status::Confirmed => {
                for line in &mut self.lines {
                    line.cancelled_quantity = line.quantity;
                }
                self.enter(Status::Cancelled, at);
                Ok(Some(OrderEvent::Cancelled { reason }))
            }
            // No `_` arm: a new status must decide here.
            from @ (Status::Shipped | Status::Delivered) => Err(IllegalTransition {
                action: "cancelled",
                from,
            }),
        }
    }

    fn enter(&mut self, status: Status, at: DateTime<Utc>) {
        self.status = status;
        self.version += 1;
        self.updated_at = at;
    }

    /// What the lines cost as ordered, in minor units.
    #[must_use]
    pub fn subtotal(&self) -> i64 {
        self.lines
            .iter()
            .map(|line| line.quantity * line.unit_price)
            .sum()
    }

    /// The discount allotted when the order was placed, in minor units.
    #[must_use]
    pub fn discount(&self) -> i64 {
        self.lines.iter().map(|line| line.discount).sum()
    }

    /// What is to be paid, after discount, points and cancelled quantities, in minor units.
    #[must_use]
    pub fn total(&self) -> i64 {
        self.lines.iter().map(Line::total).sum()
    }

    /// What is to be paid for what the customer keeps: neither cancelled nor returned. In minor units.
    #[must_use]
    pub fn net(&self) -> i64 {
        self.lines
            .iter()
            .map(|line| line.cost_of(line.kept()).total)
            .sum()
    }

    /// Of the redeemed points, those that came back with cancelled and returned pieces: whole points only.
    #[must_use]
    pub fn points_returned(&self) -> i64 {
        if self.points_redeemed == 0 {
            return 0;
        }
        let spent: i64 = self
            .lines
            .iter()
            .map(|line| line.cost_of(line.kept()).points_value)
            .sum();
        let value = self.point_value.max(1);
        self.points_redeemed - (spent + value - 1) / value
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(status: Status) -> Order {
        let line = |sku: &str, quantity, unit_price| PricedLine {
            sku: sku.to_owned(),
            name: sku.to_owned(),
            quantity,
            unit_price,
            discount: 0,
            points_value: 0,
        };
        let pricing = Pricing {
            currency: "GBP".to_owned(),
            lines: vec![line("A", 6, 255), line("B", 1, 339)],
            points: 0,
            point_value: 1,
            discount_code: None,
        };
        let at = DateTime::UNIX_EPOCH;
        let (mut order, event) = Order::place(Uuid::nil(), Uuid::nil(), 1, pricing, None, at);
        assert_eq!(event, OrderEvent::Created);
        order.status = status;
        order
    }

    #[test]
    fn a_total_is_what_its_lines_cost() {
        assert_eq!(order(Status::Placed).total(), 6 * 255 + 339);
    }

    #[test]
    fn every_status_answers_a_confirmation() {
        for status in Status::ALL {
            let mut order = order(status);
            let event = order.confirm(&[1], DateTime::UNIX_EPOCH);
            let expected = (status == Status::Placed).then_some(OrderEvent::Confirmed);
            assert_eq!(event, expected, "{status}");
            assert_eq!(order.version, if expected.is_some() { 2 } else { 1 });
        }
        assert_eq!(
            order(Status::Placed).confirm(&[2], DateTime::UNIX_EPOCH),
            None
        );
    }

    #[test]
    fn every_status_answers_a_cancellation() {
        for status in Status::ALL {
            let mut order = order(status);
            let outcome = order.cancel(None, DateTime::UNIX_EPOCH);
            match status {
                Status::Placed | Status::Confirmed => {
                    assert_eq!(outcome, Ok(Some(OrderEvent::Cancelled { reason: None })));
                    assert_eq!((order.total(), order.version), (0, 2));
                    assert!(
                        order
                            .lines
                            .iter()
                            .all(|line| line.cancelled_quantity == line.quantity)
                    );
                }
                Status::Cancelled => assert_eq!(outcome, Ok(None)),
                from @ (Status::Shipped | Status::Delivered) => {
                    assert_eq!(
                        outcome,
                        Err(IllegalTransition {
                            action: "cancelled",
                            from
                        })
                    );
                    assert_eq!(order.version, 1);
                }
            }
        }
    }
}
