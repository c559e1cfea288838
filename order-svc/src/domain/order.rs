use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::{
    BasketLine, Held, IllegalTransition, Incentive, Line, Pieces, Pricing, Reason, Refusal, Status,
};

/// An order. Every change is a method that succeeds, is a documented no-op, or is an error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    pub id: Uuid,
    pub customer_id: Uuid,
    pub status: Status,
    pub version: i64,
    pub currency: String,
    pub lines: Vec<Line>,
    /// Points that its holds took.
    pub points_redeemed: i64,
    /// Minor units that a point is worth.
    pub point_value: i64,
    /// Points that it had earned for what came back, and that were spent before that: their worth is not refunded.
    pub points_withheld: i64,
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
    IncentiveApplied,
    /// Its lines changed, or what is refunded for them.
    Updated {
        reason: Option<Reason>,
    },
    Confirmed,
    /// The whole of it.
    Cancelled {
        reason: Option<Reason>,
    },
    Shipped,
    Delivered,
    Returned {
        reason: Option<Reason>,
    },
}

impl OrderEvent {
    /// Whether what stands on the lines may have changed.
    #[must_use]
    pub fn changes_lines(&self) -> bool {
        match self {
            Self::Created
            | Self::CreatedWithIncentive
            | Self::IncentiveApplied
            | Self::Updated { .. }
            | Self::Cancelled { .. }
            | Self::Returned { .. } => true,
            Self::Confirmed | Self::Shipped | Self::Delivered => false,
        }
    }
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
        let lines = pricing.lines.into_iter().map(Line::from).collect();
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
            points_withheld: 0,
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

    /// Cancels pieces of an order; when none are left, the order is cancelled. Of lines of one SKU, the last loses first.
    ///
    /// # Errors
    /// When the goods have left, or the order has not as many.
    pub fn cancel_pieces(
        &mut self,
        pieces: &Pieces,
        reason: Option<Reason>,
        at: DateTime<Utc>,
    ) -> Result<OrderEvent, Refusal> {
        self.may_change("cancelled")?;
        self.pick(pieces, Line::ordered)?;
        for asked in pieces.lines() {
            self.spread(asked, Line::ordered, |line, part| {
                line.cancelled_quantity += part;
            });
        }
        if self.lines.iter().all(|line| line.ordered() == 0) {
            self.enter(Status::Cancelled, at);
            return Ok(OrderEvent::Cancelled { reason });
        }
        self.enter(self.status, at);
        Ok(OrderEvent::Updated { reason })
    }

    /// What must be held beyond what the order has, so that it can have `wanted`.
    ///
    /// # Errors
    /// When the goods have left, or it was cancelled.
    pub fn missing_for(&self, wanted: &Pieces) -> Result<Vec<BasketLine>, IllegalTransition> {
        self.may_change("updated")?;
        let missing = wanted.lines().iter().filter_map(|line| {
            let quantity = line.quantity - self.ordered(&line.sku);
            (quantity > 0).then(|| BasketLine {
                quantity,
                ..line.clone()
            })
        });
        Ok(missing.collect())
    }

    /// Makes `wanted` what is ordered; a no-op if it is already. `held` is what [`Order::missing_for`] named, if anything.
    /// More of a SKU at the price of its line is more of that line; at another price it is a line of its own.
    ///
    /// # Errors
    /// When the goods have left, or it was cancelled.
    pub fn update(
        &mut self,
        wanted: &Pieces,
        held: Option<Held>,
        at: DateTime<Utc>,
    ) -> Result<Option<OrderEvent>, IllegalTransition> {
        self.may_change("updated")?;
        let mut changed = false;
        let skus: Vec<String> = self.lines.iter().map(|line| line.sku.clone()).collect();
        for sku in skus {
            // The second line of a SKU finds nothing left to do.
            let quantity = self.ordered(&sku) - wanted.of(&sku);
            if quantity > 0 {
                changed = true;
                self.spread(&BasketLine { sku, quantity }, Line::ordered, Line::take_out);
            }
        }
        self.lines.retain(|line| line.quantity > 0);
        if let Some(Held { hold_no, pricing }) = held {
            changed = true;
            self.holds.push(hold_no);
            for added in pricing.lines {
                let same = self
                    .lines
                    .iter_mut()
                    .rev()
                    .find(|line| line.sku == added.sku && line.unit_price == added.unit_price);
                match same {
                    Some(line) => {
                        line.put_in(added.quantity, added.discount, added.points_value);
                    }
                    None => self.lines.push(Line::from(added)),
                }
            }
        }
        if !changed {
            return Ok(None);
        }
        self.enter(self.status, at);
        Ok(Some(OrderEvent::Updated { reason: None }))
    }

    /// What of an incentive the order does not have yet; None if it has all of it. An order takes one code, and points once.
    ///
    /// # Errors
    /// When the goods have left, or it has another code or other points.
    pub fn missing_of(&self, asked: &Incentive) -> Result<Option<Incentive>, Refusal> {
        self.may_change("given an incentive")?;
        let own = self.incentive.as_ref();
        let code = own.and_then(|own| own.discount_code.as_deref());
        let points = own.and_then(|own| own.redeem_points);
        let missing = Incentive {
            discount_code: match (&asked.discount_code, code) {
                (Some(asked), Some(own)) if !asked.eq_ignore_ascii_case(own) => {
                    return Err(Refusal::HasCode);
                }
                (Some(_), Some(_)) | (None, _) => None,
                (Some(asked), None) => Some(asked.clone()),
            },
            redeem_points: match (asked.redeem_points, points) {
                (Some(asked), Some(own)) if asked != own => return Err(Refusal::HasPoints),
                (Some(_), Some(_)) | (None, _) => None,
                (Some(asked), None) => Some(asked),
            },
        };
        let any = missing.discount_code.is_some() || missing.redeem_points.is_some();
        Ok(any.then_some(missing))
    }

    /// Takes what a hold for `incentive` brings.
    ///
    /// # Errors
    /// When the goods have left, or it was cancelled.
    pub fn apply_incentive(
        &mut self,
        incentive: Incentive,
        held: Held,
        at: DateTime<Utc>,
    ) -> Result<OrderEvent, IllegalTransition> {
        self.may_change("given an incentive")?;
        let Held { hold_no, pricing } = held;
        self.holds.push(hold_no);
        let living = self.lines.iter_mut().filter(|line| line.ordered() > 0);
        for (line, allotment) in living.zip(&pricing.allotments) {
            line.put_in(0, allotment.discount, allotment.points_value);
        }
        if pricing.points > 0 {
            self.points_redeemed += pricing.points;
            self.point_value = pricing.point_value;
        }
        let own = self.incentive.take();
        let (code, points) = own.map_or((None, None), |own| (own.discount_code, own.redeem_points));
        self.incentive = Some(Incentive {
            discount_code: code.or(pricing.discount_code).or(incentive.discount_code),
            redeem_points: points.or(incentive.redeem_points),
        });
        self.enter(self.status, at);
        Ok(OrderEvent::IncentiveApplied)
    }

    /// Notes that the goods have left; shipping twice is a no-op, so that a retry is safe.
    ///
    /// # Errors
    /// While its stock is not safe yet, and once it was delivered or cancelled.
    pub fn ship(&mut self, at: DateTime<Utc>) -> Result<Option<OrderEvent>, IllegalTransition> {
        match self.status {
            Status::Shipped => Ok(None),
            Status::Confirmed => {
                self.enter(Status::Shipped, at);
                Ok(Some(OrderEvent::Shipped))
            }
            from @ (Status::Placed | Status::Delivered | Status::Cancelled) => {
                Err(IllegalTransition {
                    action: "shipped",
                    from,
                })
            }
        }
    }

    /// Notes that the customer has the goods; delivering twice is a no-op, so that a retry is safe.
    ///
    /// # Errors
    /// When it was not shipped.
    pub fn deliver(&mut self, at: DateTime<Utc>) -> Result<Option<OrderEvent>, IllegalTransition> {
        match self.status {
            Status::Delivered => Ok(None),
            Status::Shipped => {
                self.enter(Status::Delivered, at);
                Ok(Some(OrderEvent::Delivered))
            }
            from @ (Status::Placed | Status::Confirmed | Status::Cancelled) => {
                Err(IllegalTransition {
                    action: "delivered",
                    from,
                })
            }
        }
    }

    /// Takes pieces back that had left, into stock or not, and refunds what they had cost. Of lines of one SKU, the last
    /// loses first.
    ///
    /// # Errors
    /// When the goods have not left, or the customer has not as many.
    pub fn return_pieces(
        &mut self,
        pieces: &Pieces,
        restock: bool,
        reason: Option<Reason>,
        at: DateTime<Utc>,
    ) -> Result<OrderEvent, Refusal> {
        match self.status {
            Status::Shipped | Status::Delivered => {}
            from @ (Status::Placed | Status::Confirmed | Status::Cancelled) => {
                return Err(Refusal::Illegal(IllegalTransition {
                    action: "returned",
                    from,
                }));
            }
        }
        self.pick(pieces, Line::kept)?;
        for asked in pieces.lines() {
            self.spread(asked, Line::kept, |line, part| {
                line.returned_quantity += part;
                if restock {
                    line.restocked_quantity += part;
                }
            });
        }
        self.refunded = self.refund();
        self.enter(self.status, at);
        Ok(OrderEvent::Returned { reason })
    }

    /// Notes how many of the points that it had earned for what came back were spent before: the refund is less by their
    /// worth. `points` is the number in all, which only grows: a smaller one is late news, and a no-op.
    pub fn withhold(&mut self, points: i64, at: DateTime<Utc>) -> Option<OrderEvent> {
        if points <= self.points_withheld {
            return None;
        }
        self.points_withheld = points;
        self.refunded = self.refund();
        self.enter(self.status, at);
        Some(OrderEvent::Updated {
            reason: Reason::parse("points earned for what was returned had been spent"),
        })
    }

    /// Whether lines and incentive may still change.
    fn may_change(&self, action: &'static str) -> Result<(), IllegalTransition> {
        match self.status {
            Status::Placed | Status::Confirmed => Ok(()),
            from @ (Status::Shipped | Status::Delivered | Status::Cancelled) => {
                Err(IllegalTransition { action, from })
            }
        }
    }

    /// Checks that the lines have so many pieces left.
    fn pick(&self, pieces: &Pieces, left: fn(&Line) -> i64) -> Result<(), Refusal> {
        for asked in pieces.lines() {
            let line = pieces.place_of(&asked.sku);
            let mut own = self.lines.iter().filter(|line| line.sku == asked.sku);
            if own.clone().next().is_none() {
                return Err(Refusal::NotOrdered { line });
            }
            let left = own.by_ref().map(left).sum();
            if asked.quantity > left {
                return Err(Refusal::TooMany { line, left });
            }
        }
        Ok(())
    }

    /// Does something with so many pieces of a SKU, on its last line first.
    fn spread(
        &mut self,
        pieces: &BasketLine,
        left: fn(&Line) -> i64,
        mut act: impl FnMut(&mut Line, i64),
    ) {
        let mut quantity = pieces.quantity;
        let own = self.lines.iter_mut().rev();
        for line in own.filter(|line| line.sku == pieces.sku) {
            let part = quantity.min(left(line));
            if part > 0 {
                act(line, part);
                quantity -= part;
            }
        }
    }

    /// What the returned pieces had cost, less the worth of the points that are withheld; not below zero.
    fn refund(&self) -> i64 {
        let cost: i64 = self.lines.iter().map(Line::returned_cost).sum();
        (cost - self.points_withheld * self.point_value).max(0)
    }

    /// The lines of which something is still ordered.
    pub fn living_lines(&self) -> impl Iterator<Item = &Line> {
        self.lines.iter().filter(|line| line.ordered() > 0)
    }

    /// Pieces of a SKU that were not cancelled.
    #[must_use]
    pub fn ordered(&self, sku: &str) -> i64 {
        let own = self.lines.iter().filter(|line| line.sku == sku);
        own.map(Line::ordered).sum()
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
#[path = "order_tests.rs"]
mod tests;

#[cfg(test)]
#[path = "order_machine_tests.rs"]
mod machine_tests;
