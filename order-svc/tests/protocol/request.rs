//! order-svc's handlers, one step after the other. Between two steps a handler may crash, and anything else may happen.

use std::cmp::Ordering;

use super::{
    inventory_svc::Reserved,
    order_svc::{Committed, Decision, Order, Status, bit},
    scope::{HOLDS, Scope},
    world::{Call, World},
};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Command {
    Create,
    Update { wanted: u8 },
    Cancel,
    Ship,
}

/// What the client was told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Outcome {
    Created,
    /// The stored answer, again.
    Replayed,
    /// The change that made this version.
    Changed {
        version: u8,
    },
    /// There was nothing to change.
    Unchanged,
    /// 412.
    Stale,
    /// 409: the order's status does not allow it.
    Refused,
    /// 409.
    OutOfStock,
    /// 503: a retry is safe.
    Unavailable,
}

/// What a handler does after it has closed a hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Then {
    /// Looks again, and takes the next.
    LookAgain,
    /// Hands the hold back, unless it is committed, and answers 412.
    Stale,
    /// The same, and answers 503: its database or inventory-svc had failed it.
    Fail,
}

/// Where a request is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum At {
    /// The client has not sent it yet, or not again.
    Client,
    /// About to look again: the hold was closed under its hands, or another change came first. `seen` is the order as the
    /// client knows it, if it has to be that; `taken` the hold that came to nothing.
    LookingAgain {
        seen: Option<Order>,
        taken: Option<u8>,
    },
    /// Reserve is under way. `seen` is the order as it was read.
    Reserving {
        hold_no: u8,
        pieces: u8,
        seen: Option<Order>,
    },
    /// Reserve was answered.
    Reserved {
        hold_no: u8,
        pieces: u8,
        seen: Option<Order>,
        answer: Reserved,
    },
    /// About to write a change that takes no hold.
    Writing {
        seen: Order,
    },
    /// About to close a hold: of another content than its own, or one of its own that came to nothing.
    Closing {
        hold_no: u8,
        seen: Option<Order>,
        then: Then,
    },
    /// Committed, with the hold `taken` if it needed one; but the client does not know yet.
    Answering {
        outcome: Outcome,
        taken: Option<u8>,
    },
    Told(Outcome),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Request {
    pub command: Command,
    pub at: At,
    /// How often the client will still send it again.
    pub retries: u8,
    /// Whether this is a retry.
    pub again: bool,
}

impl Request {
    pub fn new(command: Command, retries: u8) -> Self {
        Self {
            command,
            at: At::Client,
            retries,
            again: false,
        }
    }

    /// Whether a handler of order-svc is at work.
    pub fn runs(&self) -> bool {
        !matches!(self.at, At::Client | At::Told(_))
    }

    /// Whether the handler can go on by itself.
    pub fn has_step(&self, world: &World) -> bool {
        match self.at {
            // A client changes an order that it knows.
            At::Client => self.command == Command::Create || world.orders.order.is_some(),
            At::Reserving { .. } | At::Told(_) => false,
            At::LookingAgain { .. }
            | At::Reserved { .. }
            | At::Writing { .. }
            | At::Closing { .. }
            | At::Answering { .. } => true,
        }
    }

    /// The client hears nothing, and may send it again.
    pub fn failed(&self) -> Self {
        match self.retries.checked_sub(1) {
            Some(retries) => Self {
                at: At::Client,
                retries,
                again: true,
                ..*self
            },
            None => Self {
                at: At::Told(Outcome::Unavailable),
                ..*self
            },
        }
    }

    /// The handler's database or inventory-svc fails it, when it has taken a further hold: it gives that back. The commit
    /// may have happened all the same.
    pub fn gives_up(&self) -> Option<At> {
        let (hold_no, seen) = match (self.command, self.at) {
            (
                Command::Update { .. },
                At::Reserved {
                    hold_no,
                    seen,
                    answer: Reserved::Held,
                    ..
                },
            ) => (hold_no, seen),
            (
                Command::Update { .. },
                At::Answering {
                    taken: Some(hold_no),
                    ..
                },
            ) => (hold_no, None),
            _ => return None,
        };
        Some(At::Closing {
            hold_no,
            seen,
            then: Then::Fail,
        })
    }

    pub fn step(&self, world: &mut World, scope: &Scope) -> At {
        match self.at {
            // Before it has read, a handler that crashes is one that was never called.
            At::Client => self.look(world, scope, None),
            At::LookingAgain { seen, taken } => match (self.look(world, scope, seen), taken) {
                (At::Told(Outcome::Stale), Some(hold_no)) => At::Closing {
                    hold_no,
                    seen,
                    then: Then::Stale,
                },
                (at, _) => at,
            },
            At::Reserved {
                hold_no,
                pieces,
                seen,
                answer,
            } => self.reserved(world, scope, hold_no, pieces, seen, answer),
            At::Writing { seen } => self.write(world, scope, seen),
            At::Closing {
                hold_no,
                seen,
                then,
            } => {
                let decision = world.orders.close_uncommitted(hold_no);
                if decision == Decision::Closed && then != Then::LookAgain {
                    world.send(Call::Release { hold_no });
                }
                match then {
                    Then::LookAgain => At::LookingAgain { seen, taken: None },
                    Then::Stale => At::Told(Outcome::Stale),
                    Then::Fail => At::Told(Outcome::Unavailable),
                }
            }
            At::Answering { outcome, .. } => At::Told(outcome),
            At::Reserving { .. } | At::Told(_) => self.at,
        }
    }

    fn look(&self, world: &World, scope: &Scope, seen: Option<Order>) -> At {
        match (self.command, world.orders.order) {
            (Command::Create, None) => reserve(world.orders.next_of_new(), scope.pieces, None),
            (Command::Create, Some(_)) => At::Told(Outcome::Replayed),
            (Command::Update { .. } | Command::Cancel | Command::Ship, None) => {
                At::Told(Outcome::Refused)
            }
            (Command::Update { .. } | Command::Cancel | Command::Ship, Some(order)) => {
                if seen.is_some_and(|seen| seen.version != order.version) {
                    At::Told(Outcome::Stale)
                } else {
                    self.decide(world, order)
                }
            }
        }
    }

    /// What the order as it is makes of a change.
    fn decide(&self, world: &World, order: Order) -> At {
        match (self.command, order.status) {
            (Command::Cancel, Status::Cancelled) | (Command::Ship, Status::Shipped) => {
                At::Told(Outcome::Unchanged)
            }
            (Command::Cancel, Status::Placed | Status::Confirmed)
            | (Command::Ship, Status::Confirmed) => At::Writing { seen: order },
            (Command::Update { wanted }, Status::Placed | Status::Confirmed) => {
                match wanted.cmp(&order.wanted()) {
                    Ordering::Less => At::Writing { seen: order },
                    Ordering::Equal => At::Told(Outcome::Unchanged),
                    Ordering::Greater => reserve(
                        world.orders.next_of_change(),
                        wanted - order.wanted(),
                        Some(order),
                    ),
                }
            }
            (Command::Cancel, Status::Shipped)
            | (Command::Ship, Status::Placed | Status::Cancelled)
            | (Command::Update { .. }, Status::Shipped | Status::Cancelled)
            | (Command::Create, _) => At::Told(Outcome::Refused),
        }
    }

    fn reserved(
        &self,
        world: &mut World,
        scope: &Scope,
        hold_no: u8,
        pieces: u8,
        seen: Option<Order>,
        answer: Reserved,
    ) -> At {
        match (answer, self.command) {
            (Reserved::Held, Command::Create) => match world.orders.place(hold_no, pieces) {
                Committed::Done => At::Answering {
                    outcome: Outcome::Created,
                    taken: None,
                },
                Committed::ByTwin | Committed::HoldClosed | Committed::Stale => {
                    At::LookingAgain { seen, taken: None }
                }
            },
            (Reserved::Held, _) => self.commit(world, scope, hold_no, pieces, seen),
            (Reserved::Closed, _) => {
                world.orders.close_uncommitted(hold_no);
                At::LookingAgain { seen, taken: None }
            }
            (Reserved::OtherContent, Command::Create) => At::Told(Outcome::Refused),
            (Reserved::OutOfStock, _) => At::Told(Outcome::OutOfStock),
            (Reserved::OtherContent, _) => At::Closing {
                hold_no,
                seen,
                then: Then::LookAgain,
            },
        }
    }

    /// Commits a further hold with the change that needs it.
    fn commit(
        &self,
        world: &mut World,
        scope: &Scope,
        hold_no: u8,
        pieces: u8,
        seen: Option<Order>,
    ) -> At {
        let Some(order) = seen else {
            return At::Told(Outcome::Refused);
        };
        let version = order.version + 1;
        let changed = Order {
            version,
            ordered: order.ordered + pieces,
            holds: order.holds | bit(hold_no),
            ..order
        };
        match world.orders.change(changed, Some(hold_no), scope.broken) {
            Committed::Done => At::Answering {
                outcome: Outcome::Changed { version },
                taken: Some(hold_no),
            },
            Committed::ByTwin | Committed::HoldClosed | Committed::Stale => At::LookingAgain {
                seen,
                taken: Some(hold_no),
            },
        }
    }

    /// Writes a change that takes nothing.
    fn write(&self, world: &mut World, scope: &Scope, order: Order) -> At {
        let changed = match self.command {
            Command::Create => order,
            Command::Update { wanted } => Order {
                cancelled: order.ordered - wanted,
                ..order
            },
            Command::Cancel => Order {
                status: Status::Cancelled,
                cancelled: order.ordered,
                ..order
            },
            Command::Ship => Order {
                status: Status::Shipped,
                ..order
            },
        };
        let version = order.version + 1;
        let changed = Order { version, ..changed };
        match world.orders.change(changed, None, scope.broken) {
            Committed::Done => At::Answering {
                outcome: Outcome::Changed { version },
                taken: None,
            },
            Committed::ByTwin | Committed::HoldClosed | Committed::Stale => self.overtaken(),
        }
    }

    /// Who named no version looks again; who did is told.
    fn overtaken(&self) -> At {
        match self.command {
            Command::Create | Command::Cancel | Command::Ship => At::LookingAgain {
                seen: None,
                taken: None,
            },
            Command::Update { .. } => At::Told(Outcome::Stale),
        }
    }
}

fn reserve(hold_no: u8, pieces: u8, seen: Option<Order>) -> At {
    if usize::from(hold_no) > HOLDS {
        return At::Told(Outcome::Unavailable);
    }
    At::Reserving {
        hold_no,
        pieces,
        seen,
    }
}
