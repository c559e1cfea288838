//! Loyalty points. Each customer has accounts in a ledger of double entry; what is available lies in lots, each of
//! which has a day on which it expires.

use std::{collections::BTreeMap, time::Duration};

use iso_currency::Currency;
use uuid::Uuid;

use super::{HoldKey, HoldState};

/// What points are earned by, and what they are worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LoyaltyPolicy {
    /// Orders in another currency earn nothing.
    pub currency: Currency,
    /// Points for 100 minor units that are paid.
    pub earn_rate: i64,
    /// Minor units that a point pays.
    pub point_value: i64,
    /// How long a lot can be spent.
    pub life: Duration,
}

impl LoyaltyPolicy {
    /// Points for `net` minor units, rounded down.
    #[must_use]
    pub fn earns(&self, net: i64) -> i64 {
        earns(net, self.earn_rate)
    }
}

/// Points for `net` minor units at `rate` points for 100 of them, rounded down.
pub(super) fn earns(net: i64, rate: i64) -> i64 {
    let points = i128::from(net.max(0)) * i128::from(rate.max(0)) / 100;
    i64::try_from(points).unwrap_or(i64::MAX)
}

/// What a customer can spend now, as it was read under the account's lock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    pub customer_id: Uuid,
    lots: Vec<Lot>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lot {
    pub id: i64,
    pub remaining: i64,
}

/// Points that are taken from one lot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LotUse {
    pub lot_id: i64,
    pub points: i64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("more points than the balance of {balance}")]
pub struct NotEnoughPoints {
    pub balance: i64,
}

impl Account {
    /// `lots` that have not expired, the one that expires first in front.
    #[must_use]
    pub fn new(customer_id: Uuid, lots: Vec<Lot>) -> Self {
        Self { customer_id, lots }
    }

    #[must_use]
    pub fn spendable(&self) -> i64 {
        self.lots.iter().map(|lot| lot.remaining).sum()
    }

    /// Takes points, those that expire first in front; what is taken is gone from this account for the next request.
    ///
    /// # Errors
    /// When there are fewer; then none are taken.
    pub fn spend(&mut self, points: i64) -> Result<Vec<LotUse>, NotEnoughPoints> {
        let balance = self.spendable();
        if points > balance {
            return Err(NotEnoughPoints { balance });
        }
        let mut left = points;
        let mut uses = Vec::new();
        for lot in &mut self.lots {
            let points = left.min(lot.remaining);
            if points > 0 {
                lot.remaining -= points;
                left -= points;
                uses.push(LotUse {
                    lot_id: lot.id,
                    points,
                });
            }
        }
        Ok(uses)
    }
}

/// Points that a hold takes: what [`Account::spend`] gave for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PointsHold {
    pub key: HoldKey,
    pub customer_id: Uuid,
    pub uses: Vec<LotUse>,
}

/// An account of the ledger. The customer's are `Pending`, `Available` and `Held`; the others are the shop's side.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Side {
    Issued,
    Pending,
    Available,
    Held,
    Redeemed,
    /// What the customer had spent when the order that earned it came back: its worth reduces the refund.
    Withheld,
}

impl Side {
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Issued => "issued",
            Self::Pending => "pending",
            Self::Available => "available",
            Self::Held => "held",
            Self::Redeemed => "redeemed",
            Self::Withheld => "withheld",
        }
    }
}

/// Why an order's points moved. An order has one entry for a reason and a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reason {
    // Numbered by the order's version.
    Earned,
    Matured,
    Reversed,
    Withheld,
    RedemptionReturned,
    // Numbered by the hold.
    Redeemed,
    HoldReleased,
    RedemptionCancelled,
}

impl Reason {
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Earned => "earned",
            Self::Matured => "matured",
            Self::Reversed => "reversed",
            Self::Withheld => "withheld",
            Self::RedemptionReturned => "redemption_returned",
            Self::Redeemed => "redeemed",
            Self::HoldReleased => "hold_released",
            Self::RedemptionCancelled => "redemption_cancelled",
        }
    }
}

/// An entry of the ledger that an order causes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry {
    pub customer_id: Uuid,
    pub order_id: Uuid,
    pub from: Side,
    pub to: Side,
    /// Positive.
    pub points: i64,
    pub reason: Reason,
    pub no: i64,
    /// Of [`Reason::Earned`]: points for 100 minor units.
    pub rate: Option<i64>,
}

/// An entry with all that goes with it: if the entry is not written, nothing of it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Booking {
    pub entry: Entry,
    pub lots: Vec<LotChange>,
    pub returned: Vec<ReturnedUse>,
    pub event: Option<PointsEvent>,
}

impl Booking {
    pub(super) fn of(entry: Entry) -> Self {
        Self {
            entry,
            lots: Vec::new(),
            returned: Vec::new(),
            event: None,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LotChange {
    Take {
        lot_id: i64,
        points: i64,
    },
    Return {
        lot_id: i64,
        points: i64,
    },
    /// A lot with the ordinary life from now.
    New {
        /// The order that earned it.
        order_id: Option<Uuid>,
        points: i64,
    },
}

/// Points of a lot that a hold has given back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReturnedUse {
    pub key: HoldKey,
    pub lot_id: i64,
    pub points: i64,
}

/// What the world hears of a booking.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PointsEvent {
    Earned {
        points: i64,
    },
    Redeemed {
        points: i64,
    },
    /// Earned points went back, among them those that are withheld.
    EarnedReversed {
        points: i64,
        withheld: i64,
        /// What was withheld of the order ever, this time included.
        withheld_total: i64,
    },
    RedeemedReversed {
        points: i64,
    },
}

/// A lot as it stands, by its id.
pub type Lots = BTreeMap<i64, LotState>;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LotState {
    pub remaining: i64,
    /// Of its points, those that expired.
    pub expired: i64,
    /// Whether its day is over.
    pub past: bool,
}

/// The points that a hold took and has not given back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeldPoints {
    pub key: HoldKey,
    pub customer_id: Uuid,
    /// Whether they are redeemed, or only held.
    pub redeemed: bool,
    /// In the order in which they go back.
    pub uses: Vec<LotUse>,
}

impl HeldPoints {
    #[must_use]
    pub fn points(&self) -> i64 {
        self.uses.iter().map(|each| each.points).sum()
    }

    /// What a hold's new state does to its points. Where they are there already, nothing.
    #[must_use]
    pub fn settle(&self, state: HoldState, lots: &mut Lots) -> Option<Booking> {
        let points = self.points();
        if points == 0 {
            return None;
        }
        // Of what was only held nobody has heard yet.
        let (from, to, reason, event) = match (state, self.redeemed) {
            (HoldState::Confirmed | HoldState::Fulfilled, false) => (
                Side::Held,
                Side::Redeemed,
                Reason::Redeemed,
                Some(PointsEvent::Redeemed { points }),
            ),
            (HoldState::Released | HoldState::Expired, false) => {
                (Side::Held, Side::Available, Reason::HoldReleased, None)
            }
            (HoldState::Released | HoldState::Expired, true) => (
                Side::Redeemed,
                Side::Available,
                Reason::RedemptionCancelled,
                Some(PointsEvent::RedeemedReversed { points }),
            ),
            (HoldState::Confirmed | HoldState::Fulfilled, true) | (HoldState::Held, _) => {
                return None;
            }
        };
        let mut booking = Booking::of(Entry {
            customer_id: self.customer_id,
            order_id: self.key.order_id,
            from,
            to,
            points,
            reason,
            no: i64::from(self.key.hold_no),
            rate: None,
        });
        if to == Side::Available {
            give_back(points, [self], lots, &mut booking);
        }
        booking.event = event;
        Some(booking)
    }
}

/// Gives points back into the lots they came from. What came from a lot whose day is over comes back in a new one.
pub(super) fn give_back<'a>(
    points: i64,
    holds: impl IntoIterator<Item = &'a HeldPoints>,
    lots: &mut Lots,
    booking: &mut Booking,
) {
    let mut left = points;
    let mut anew = 0;
    for (key, used) in holds
        .into_iter()
        .flat_map(|hold| hold.uses.iter().map(|each| (hold.key, each)))
    {
        let points = left.min(used.points);
        if points <= 0 {
            continue;
        }
        left -= points;
        let lot_id = used.lot_id;
        booking.returned.push(ReturnedUse {
            key,
            lot_id,
            points,
        });
        match lots.get_mut(&lot_id) {
            // One of which a part has expired is over, whatever the clock says.
            Some(lot) if !lot.past && lot.expired == 0 => {
                lot.remaining += points;
                booking.lots.push(LotChange::Return { lot_id, points });
            }
            _ => anew += points,
        }
    }
    if anew > 0 {
        booking.lots.push(LotChange::New {
            order_id: None,
            points: anew,
        });
    }
}
