//! order-svc's database. Each method is one transaction, so it happens whole or not at all; two inserts of one decision meet
//! on its primary key, and the second sees the first.

use super::scope::{Broken, HOLDS};

/// Numbers of holds, as a set of bits; a hold's number is its bit's place, from 1.
pub type HoldSet = u8;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Decision {
    Committed,
    Closed,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Status {
    Placed,
    Confirmed,
    Shipped,
    Cancelled,
}

/// The order's row, which is also what its events carry: its absolute state and its version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Order {
    pub version: u8,
    pub status: Status,
    /// Pieces that its holds took, all in all.
    pub ordered: u8,
    /// Of these, what it no longer wants.
    pub cancelled: u8,
    pub holds: HoldSet,
}

impl Order {
    pub fn wanted(&self) -> u8 {
        self.ordered.saturating_sub(self.cancelled)
    }

    pub fn has(&self, hold_no: u8) -> bool {
        self.holds & bit(hold_no) != 0
    }

    pub fn lives(&self) -> bool {
        self.status != Status::Cancelled
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Committed {
    Done,
    /// Another request has committed this hold.
    ByTwin,
    /// The hold was given back meanwhile.
    HoldClosed,
    /// Another change came first; nothing was written.
    Stale,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct OrderSvc {
    pub decisions: [Option<Decision>; HOLDS],
    pub order: Option<Order>,
    /// Events that are not yet taken, in any order.
    pub outbox: Vec<Order>,
    /// The insert of a second order with the same key was tried.
    pub placed_twice: bool,
}

pub fn bit(hold_no: u8) -> HoldSet {
    1 << (hold_no - 1)
}

impl OrderSvc {
    pub fn decision(&self, hold_no: u8) -> Option<Decision> {
        self.decisions[usize::from(hold_no) - 1]
    }

    fn decide(&mut self, hold_no: u8, decision: Decision) {
        self.decisions[usize::from(hold_no) - 1] = Some(decision);
    }

    /// The number that a new order takes: one more than were closed.
    pub fn next_of_new(&self) -> u8 {
        1 + self
            .decisions
            .iter()
            .filter(|decision| **decision == Some(Decision::Closed))
            .count() as u8
    }

    /// The number that a change takes: one more than the highest that is decided.
    pub fn next_of_change(&self) -> u8 {
        let highest = (1..).zip(&self.decisions).filter(|(_, d)| d.is_some());
        1 + highest.map(|(hold_no, _)| hold_no).max().unwrap_or(0)
    }

    pub fn place(&mut self, hold_no: u8, pieces: u8) -> Committed {
        match self.decision(hold_no) {
            Some(Decision::Committed) => return Committed::ByTwin,
            Some(Decision::Closed) => return Committed::HoldClosed,
            None => {}
        }
        if self.order.is_some() {
            self.placed_twice = true;
            return Committed::Stale;
        }
        self.decide(hold_no, Decision::Committed);
        self.write(Order {
            version: 1,
            status: Status::Placed,
            ordered: pieces,
            cancelled: 0,
            holds: bit(hold_no),
        });
        Committed::Done
    }

    /// Writes `changed` over the version before it, with the decision about the hold that the change took.
    pub fn change(
        &mut self,
        changed: Order,
        further: Option<u8>,
        broken: Option<Broken>,
    ) -> Committed {
        match further.and_then(|hold_no| self.decision(hold_no)) {
            Some(Decision::Committed) => return Committed::ByTwin,
            Some(Decision::Closed) => return Committed::HoldClosed,
            None => {}
        }
        let in_between = self
            .order
            .is_none_or(|order| order.version + 1 != changed.version);
        if in_between && broken != Some(Broken::VersionCheck) {
            return Committed::Stale;
        }
        if let Some(hold_no) = further {
            self.decide(hold_no, Decision::Committed);
        }
        self.write(changed);
        Committed::Done
    }

    fn write(&mut self, order: Order) {
        self.order = Some(order);
        self.outbox.push(order);
        self.outbox.sort_unstable();
    }

    /// Closes the hold unless an order has committed it, and says what is decided.
    pub fn close_uncommitted(&mut self, hold_no: u8) -> Decision {
        let decision = self.decision(hold_no).unwrap_or(Decision::Closed);
        self.decide(hold_no, decision);
        decision
    }

    /// inventory-svc says that these holds are safe.
    pub fn confirm(&mut self, safe: HoldSet) {
        if let Some(order) = self.order
            && order.status == Status::Placed
            && order.holds & !safe == 0
        {
            self.write(Order {
                version: order.version + 1,
                status: Status::Confirmed,
                ..order
            });
        }
    }
}
