use std::collections::BTreeMap;

use uuid::Uuid;

use super::{MovementKind, Sku};

/// Names a hold. An order takes its holds one after the other, from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HoldKey {
    pub order_id: Uuid,
    pub hold_no: i32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HoldState {
    /// Taken, and nobody has decided yet whether an order keeps it.
    Held,
    /// An order has it.
    Confirmed,
    /// The goods have left.
    Fulfilled,
    /// Given back.
    Released,
    /// Closed by the sweeper: no order ever had it.
    Expired,
}

impl HoldState {
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Held => "HELD",
            Self::Confirmed => "CONFIRMED",
            Self::Fulfilled => "FULFILLED",
            Self::Released => "RELEASED",
            Self::Expired => "EXPIRED",
        }
    }

    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        [
            Self::Held,
            Self::Confirmed,
            Self::Fulfilled,
            Self::Released,
            Self::Expired,
        ]
        .into_iter()
        .find(|state| state.as_str() == text)
    }

    /// Whether its stock was given back: such a hold is never revived.
    #[must_use]
    pub fn is_closed(self) -> bool {
        match self {
            Self::Released | Self::Expired => true,
            Self::Held | Self::Confirmed | Self::Fulfilled => false,
        }
    }
}

/// A hold as it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hold {
    pub key: HoldKey,
    pub state: HoldState,
    /// None on a tombstone.
    pub token: Option<Uuid>,
    pub lines: Vec<HoldLine>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HoldLine {
    pub sku: Sku,
    /// What was taken less what was given back.
    pub quantity: i64,
    /// Of what left, what came back into stock.
    pub restocked: i64,
}

/// What is to become of one hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Settlement {
    /// order-svc says that an order has it.
    Confirm { token: Uuid },
    /// order-svc gives it back.
    Release { token: Uuid },
    /// The sweeper asked order-svc.
    Sweep(Verdict),
}

/// order-svc's answer to the sweeper.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    Live,
    Cancelled,
    Closed,
}

/// Why a hold cannot be settled that way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum HoldError {
    #[error("the hold was given back")]
    Closed,
    #[error("the confirmation token names another hold")]
    WrongToken,
    #[error("the goods of this hold have left")]
    Fulfilled,
    #[error("hold {hold_no} of an order that lives was given back: the rule of holds is broken")]
    LostHold { hold_no: i32 },
    #[error("hold {hold_no} of an order is not known here")]
    UnknownHold { hold_no: i32 },
}

/// What changes, for whoever writes it down.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Changes {
    pub transitions: Vec<(HoldKey, HoldState)>,
    pub moves: Vec<Move>,
}

/// A change of stock that a hold causes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Move {
    pub key: HoldKey,
    pub sku: Sku,
    pub kind: MovementKind,
    /// Pieces, positive.
    pub quantity: i64,
}

impl Move {
    /// The change of `on_hand`.
    #[must_use]
    pub fn on_hand_delta(&self) -> i64 {
        match self.kind {
            MovementKind::Sale => -self.quantity,
            MovementKind::Receipt | MovementKind::Adjustment | MovementKind::Return => {
                self.quantity
            }
            MovementKind::Reservation | MovementKind::Release => 0,
        }
    }

    /// The change of `reserved`.
    #[must_use]
    pub fn reserved_delta(&self) -> i64 {
        match self.kind {
            MovementKind::Reservation => self.quantity,
            MovementKind::Release | MovementKind::Sale => -self.quantity,
            MovementKind::Receipt | MovementKind::Adjustment | MovementKind::Return => 0,
        }
    }
}

impl Changes {
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.transitions.is_empty() && self.moves.is_empty()
    }

    fn enter(&mut self, hold: &mut Hold, state: HoldState) {
        hold.state = state;
        self.transitions.push((hold.key, state));
    }

    /// Moves `quantity` of a line.
    fn take(&mut self, key: HoldKey, line: &mut HoldLine, kind: MovementKind, quantity: i64) {
        if quantity > 0 {
            match kind {
                MovementKind::Release => line.quantity -= quantity,
                MovementKind::Return => line.restocked += quantity,
                MovementKind::Sale
                | MovementKind::Reservation
                | MovementKind::Receipt
                | MovementKind::Adjustment => {}
            }
            self.moves.push(Move {
                key,
                sku: line.sku.clone(),
                kind,
                quantity,
            });
        }
    }

    fn take_all(&mut self, hold: &mut Hold, kind: MovementKind) {
        for line in &mut hold.lines {
            self.take(hold.key, line, kind, line.quantity);
        }
    }

    /// Adds what another decision changes.
    pub fn extend(&mut self, other: Self) {
        self.transitions.extend(other.transitions);
        self.moves.extend(other.moves);
    }
}

impl Hold {
    /// Settles the hold. Doing it twice is a no-op, so that a retry is safe.
    ///
    /// # Errors
    /// When the hold is past the point where that can be done, or the token is not its own.
    pub fn settle(mut self, settlement: Settlement) -> Result<Changes, HoldError> {
        use HoldState::{Confirmed, Expired, Fulfilled, Held, Released};
        if let Settlement::Confirm { token } | Settlement::Release { token } = settlement
            // A tombstone has no token: whoever asks, it is closed.
            && self.token.is_some_and(|own| own != token)
        {
            return Err(HoldError::WrongToken);
        }
        let mut changes = Changes::default();
        match (self.state, settlement) {
            (Held, Settlement::Confirm { .. } | Settlement::Sweep(Verdict::Live)) => {
                changes.enter(&mut self, Confirmed);
            }
            (Held, Settlement::Release { .. } | Settlement::Sweep(Verdict::Cancelled))
            | (Confirmed, Settlement::Release { .. }) => {
                changes.take_all(&mut self, MovementKind::Release);
                changes.enter(&mut self, Released);
            }
            (Held, Settlement::Sweep(Verdict::Closed)) => {
                changes.take_all(&mut self, MovementKind::Release);
                changes.enter(&mut self, Expired);
            }
            (Confirmed | Fulfilled, Settlement::Confirm { .. })
            | (Released | Expired, Settlement::Release { .. })
            // Somebody was quicker than the sweeper.
            | (Confirmed | Fulfilled | Released | Expired, Settlement::Sweep(_)) => {}
            (Released | Expired, Settlement::Confirm { .. }) => return Err(HoldError::Closed),
            (Fulfilled, Settlement::Release { .. }) => return Err(HoldError::Fulfilled),
        }
        Ok(changes)
    }
}

/// The state of an order that its holds must be brought to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderTarget {
    pub order_id: Uuid,
    pub customer_id: Uuid,
    pub version: i64,
    pub stage: Stage,
    /// Numbers of the holds that the order has committed.
    pub holds: Vec<i32>,
    /// What the order still wants, by SKU.
    pub wanted: BTreeMap<Sku, i64>,
    /// What came back from the customer into stock, by SKU.
    pub restocked: BTreeMap<Sku, i64>,
    /// ISO 4217.
    pub currency: String,
    /// Minor units that the customer pays for what they keep.
    pub net: i64,
    /// Points that were redeemed and have not come back.
    pub points_spent: i64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Placed or confirmed: the goods are kept for it.
    Live,
    /// Shipped: the goods have left.
    Shipped,
    /// The customer has them.
    Delivered,
    Cancelled,
}

impl OrderTarget {
    /// Brings the order's holds to this state, whatever was seen before. Where they already are, nothing changes.
    ///
    /// # Errors
    /// When a committed hold is missing or was given back: no event of ours leads there.
    pub fn reach(&self, holds: &mut [Hold]) -> Result<Changes, HoldError> {
        let mut changes = Changes::default();
        let mut own: Vec<&mut Hold> = holds
            .iter_mut()
            .filter(|hold| self.holds.contains(&hold.key.hold_no))
            .collect();
        for hold_no in &self.holds {
            if !own.iter().any(|hold| hold.key.hold_no == *hold_no) {
                return Err(HoldError::UnknownHold { hold_no: *hold_no });
            }
        }
        // What is too much goes back from the newest hold first.
        own.sort_by_key(|hold| std::cmp::Reverse(hold.key.hold_no));
        let mut excess = self.excess(&own);
        let mut restocked = self.restocked.clone();
        for hold in own {
            match (self.stage, hold.state) {
                (Stage::Cancelled, HoldState::Held | HoldState::Confirmed) => {
                    changes.take_all(hold, MovementKind::Release);
                    changes.enter(hold, HoldState::Released);
                }
                (
                    Stage::Live | Stage::Shipped | Stage::Delivered,
                    HoldState::Held | HoldState::Confirmed,
                ) => {
                    for line in &mut hold.lines {
                        let over = excess.entry(line.sku.clone()).or_default();
                        let back = (*over).clamp(0, line.quantity);
                        *over -= back;
                        changes.take(hold.key, line, MovementKind::Release, back);
                    }
                    if self.has_left() {
                        changes.take_all(hold, MovementKind::Sale);
                        changes.enter(hold, HoldState::Fulfilled);
                        self.restock(hold, &mut restocked, &mut changes);
                    } else if hold.state == HoldState::Held {
                        changes.enter(hold, HoldState::Confirmed);
                    }
                }
                (Stage::Live | Stage::Shipped | Stage::Delivered, HoldState::Expired) => {
                    return Err(HoldError::LostHold {
                        hold_no: hold.key.hold_no,
                    });
                }
                // The sweeper has asked order-svc, and knows already that the order was cancelled: this state is old, and
                // the event that says so is on its way.
                (Stage::Live | Stage::Shipped | Stage::Delivered, HoldState::Released) => {}
                (Stage::Shipped | Stage::Delivered, HoldState::Fulfilled) => {
                    self.restock(hold, &mut restocked, &mut changes);
                }
                (Stage::Live | Stage::Cancelled, HoldState::Fulfilled)
                | (Stage::Cancelled, HoldState::Released | HoldState::Expired) => {}
            }
        }
        Ok(changes)
    }

    fn has_left(&self) -> bool {
        match self.stage {
            Stage::Shipped | Stage::Delivered => true,
            Stage::Live | Stage::Cancelled => false,
        }
    }

    /// Books what came back of a hold's goods. `left` is what the holds before it have not accounted for.
    fn restock(&self, hold: &mut Hold, left: &mut BTreeMap<Sku, i64>, changes: &mut Changes) {
        for line in &mut hold.lines {
            let left = left.entry(line.sku.clone()).or_default();
            let of_line = (*left).clamp(0, line.quantity);
            *left -= of_line;
            let back = of_line - line.restocked;
            changes.take(hold.key, line, MovementKind::Return, back);
        }
    }

    /// By how much the holds exceed what the order wants, by SKU.
    fn excess(&self, holds: &[&mut Hold]) -> BTreeMap<Sku, i64> {
        let mut excess = BTreeMap::new();
        for line in holds.iter().flat_map(|hold| &hold.lines) {
            *excess.entry(line.sku.clone()).or_default() += line.quantity;
        }
        for (sku, held) in &mut excess {
            *held -= self.wanted.get(sku).copied().unwrap_or_default();
        }
        excess
    }
}

#[cfg(test)]
#[path = "hold_tests.rs"]
mod tests;
