//! inventory-svc's database, with one SKU. Each method is one transaction.

use super::{
    order_svc::{HoldSet, Order, Status, bit},
    scope::{Broken, HOLDS},
};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub enum HoldState {
    #[default]
    Absent,
    Held,
    Confirmed,
    Fulfilled,
    Released,
    Expired,
}

impl HoldState {
    /// Whether its pieces stand in `reserved`.
    pub fn reserves(self) -> bool {
        match self {
            Self::Held | Self::Confirmed => true,
            Self::Absent | Self::Fulfilled | Self::Released | Self::Expired => false,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Hold {
    pub state: HoldState,
    /// The content: pieces that were taken.
    pub taken: u8,
    /// Less those that were given back.
    pub pieces: u8,
}

/// The answer to Reserve.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Reserved {
    Held,
    Closed,
    OtherContent,
    OutOfStock,
}

/// order-svc's answer to the sweeper.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Verdict {
    Live,
    Cancelled,
    Closed,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct InventorySvc {
    pub holds: [Hold; HOLDS],
    pub on_hand: i8,
    pub reserved: i8,
    /// Pieces that somebody else's order has.
    pub others: i8,
    /// The newest version of the order that was followed.
    pub followed: u8,
    /// News of holds that are safe, not yet heard by order-svc: a set of sets.
    pub news: u16,
    /// Holds that were ever given back.
    pub given_back: HoldSet,
    /// An event of the order found a committed hold missing or expired.
    pub lost_hold: bool,
}

impl InventorySvc {
    pub fn new(on_hand: i8) -> Self {
        Self {
            holds: Default::default(),
            on_hand,
            reserved: 0,
            others: 0,
            followed: 0,
            news: 0,
            given_back: 0,
            lost_hold: false,
        }
    }

    pub fn hold(&self, hold_no: u8) -> Hold {
        self.holds[usize::from(hold_no) - 1]
    }

    fn hold_mut(&mut self, hold_no: u8) -> &mut Hold {
        &mut self.holds[usize::from(hold_no) - 1]
    }

    pub fn reserve(&mut self, hold_no: u8, pieces: u8) -> Reserved {
        let hold = self.hold(hold_no);
        match hold.state {
            HoldState::Released | HoldState::Expired => Reserved::Closed,
            HoldState::Held | HoldState::Confirmed | HoldState::Fulfilled => {
                if hold.taken == pieces {
                    Reserved::Held
                } else {
                    Reserved::OtherContent
                }
            }
            HoldState::Absent if self.reserved + pieces as i8 > self.on_hand => {
                Reserved::OutOfStock
            }
            HoldState::Absent => {
                self.reserved += pieces as i8;
                *self.hold_mut(hold_no) = Hold {
                    state: HoldState::Held,
                    taken: pieces,
                    pieces,
                };
                Reserved::Held
            }
        }
    }

    /// Somebody else buys a piece.
    pub fn sell_to_another(&mut self) -> bool {
        let available = self.reserved < self.on_hand;
        if available {
            self.reserved += 1;
            self.others += 1;
        }
        available
    }

    /// By who has had the answer to its Reserve, and so knows the token.
    pub fn release(&mut self, hold_no: u8, broken: Option<Broken>) {
        match self.hold(hold_no).state {
            HoldState::Absent => {
                self.given_back |= bit(hold_no);
                if broken != Some(Broken::Tombstone) {
                    self.hold_mut(hold_no).state = HoldState::Released;
                }
            }
            HoldState::Held | HoldState::Confirmed => {
                self.give_back(hold_no, HoldState::Released);
                if broken == Some(Broken::Tombstone) {
                    *self.hold_mut(hold_no) = Hold::default();
                }
            }
            HoldState::Fulfilled | HoldState::Released | HoldState::Expired => {}
        }
    }

    /// A compare-and-set: whoever was quicker than the sweeper has decided.
    pub fn sweep(&mut self, hold_no: u8, verdict: Verdict) {
        if self.hold(hold_no).state != HoldState::Held {
            return;
        }
        match verdict {
            Verdict::Live => {
                self.hold_mut(hold_no).state = HoldState::Confirmed;
                self.tell_confirmed();
            }
            Verdict::Cancelled => self.give_back(hold_no, HoldState::Released),
            Verdict::Closed => self.give_back(hold_no, HoldState::Expired),
        }
    }

    /// Brings the order's holds to the order's state, if that is newer than what was seen. False, and nothing has
    /// changed, if a committed hold is missing or was given back.
    pub fn follow(&mut self, order: &Order, broken: Option<Broken>) -> bool {
        if order.version <= self.followed && broken != Some(Broken::VersionGuard) {
            return true;
        }
        let mut after = self.clone();
        let reached = after.reach(order);
        if reached {
            after.followed = order.version;
            *self = after;
        }
        reached
    }

    fn reach(&mut self, order: &Order) -> bool {
        // What is too much goes back from the newest hold first.
        let own: Vec<u8> = (1..=HOLDS as u8).rev().filter(|n| order.has(*n)).collect();
        let held: u8 = own.iter().map(|n| self.hold(*n).pieces).sum();
        let mut excess = held.saturating_sub(order.wanted());
        let mut confirmed = false;
        for hold_no in own {
            let state = self.hold(hold_no).state;
            match (order.status, state) {
                (_, HoldState::Absent) => return false,
                (Status::Cancelled, HoldState::Held | HoldState::Confirmed) => {
                    self.give_back(hold_no, HoldState::Released);
                }
                (
                    Status::Placed | Status::Confirmed | Status::Shipped,
                    HoldState::Held | HoldState::Confirmed,
                ) => {
                    let hold = self.hold_mut(hold_no);
                    let back = excess.min(hold.pieces);
                    hold.pieces -= back;
                    excess -= back;
                    let left = hold.pieces as i8;
                    self.reserved -= back as i8;
                    if order.status == Status::Shipped {
                        self.hold_mut(hold_no).state = HoldState::Fulfilled;
                        self.reserved -= left;
                        self.on_hand -= left;
                    } else if state == HoldState::Held {
                        self.hold_mut(hold_no).state = HoldState::Confirmed;
                        confirmed = true;
                    }
                }
                (Status::Placed | Status::Confirmed | Status::Shipped, HoldState::Expired) => {
                    return false;
                }
                // The sweeper knows of the cancellation already.
                (Status::Placed | Status::Confirmed | Status::Shipped, HoldState::Released) => {}
                (
                    Status::Placed | Status::Confirmed | Status::Shipped | Status::Cancelled,
                    HoldState::Fulfilled,
                )
                | (Status::Cancelled, HoldState::Released | HoldState::Expired) => {}
            }
        }
        if confirmed {
            self.tell_confirmed();
        }
        true
    }

    fn give_back(&mut self, hold_no: u8, state: HoldState) {
        let hold = self.hold_mut(hold_no);
        let pieces = hold.pieces as i8;
        hold.pieces = 0;
        hold.state = state;
        self.reserved -= pieces;
        self.given_back |= bit(hold_no);
    }

    /// Names all holds of the order that are safe from the sweeper.
    fn tell_confirmed(&mut self) {
        let safe: HoldSet = (1..=HOLDS as u8)
            .filter(|n| {
                matches!(
                    self.hold(*n).state,
                    HoldState::Confirmed | HoldState::Fulfilled
                )
            })
            .map(bit)
            .sum();
        self.news |= 1 << safe;
    }
}
