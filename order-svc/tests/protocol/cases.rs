//! What an exploration must come to.

use stateright::Property;

use super::{
    inventory_svc::{HoldState, Reserved, Verdict},
    order_svc::Status,
    request::{At, Command, Outcome, Request},
    scope::Scope,
    world::{Call, World},
};

pub struct Case {
    name: &'static str,
    is: fn(&Scope, &World) -> bool,
}

impl Case {
    pub fn property(&self) -> Property<Scope> {
        Property::sometimes(self.name, self.is)
    }
}

fn any(world: &World, is: impl Fn(&Request) -> bool) -> bool {
    world.requests.iter().any(is)
}

fn was_told(request: &Request, command: Command, outcome: Outcome) -> bool {
    request.command == command && request.at == At::Told(outcome)
}

fn status(world: &World) -> Option<Status> {
    world.orders.order.map(|order| order.status)
}

fn awaits_event(world: &World, version: u8) -> bool {
    world
        .orders
        .outbox
        .iter()
        .any(|event| event.version == version)
}

fn updates(request: &Request) -> bool {
    matches!(request.command, Command::Update { .. })
}

pub const TWIN_REPLAYS: Case = Case {
    name: "of two twins that both succeed one replays the other's answer",
    is: |_, world| {
        any(world, |twin| {
            was_told(twin, Command::Create, Outcome::Created)
        }) && any(world, |twin| {
            was_told(twin, Command::Create, Outcome::Replayed) && !twin.again
        })
    },
};

pub const LOST_ANSWER_IS_RETRIED: Case = Case {
    name: "a client whose answer was lost gets it with its retry, nobody else having asked",
    is: |_, world| {
        world.requests.iter().all(|request| {
            (was_told(request, Command::Create, Outcome::Replayed) && request.again)
                || (request.at == At::Client && !request.again)
        }) && any(world, |request| request.again)
    },
};

pub const NEXT_HOLD_AFTER_SWEEPER: Case = Case {
    name: "the sweeper closes a hold, and the order is placed with the next",
    is: |_, world| {
        world.inventory.hold(1).state == HoldState::Expired
            && world.orders.order.is_some_and(|order| order.has(2))
            && any(world, |request| {
                was_told(request, Command::Create, Outcome::Created) && !request.again
            })
    },
};

pub const SWEEPER_FINDS_ORDER: Case = Case {
    name: "the sweeper asks about a hold that an order has committed",
    is: |_, world| world.verdicts.contains(&Some(Verdict::Live)),
};

pub const SWEEPER_FINDS_CANCELLED: Case = Case {
    name: "the sweeper asks about a hold of a cancelled order",
    is: |_, world| world.verdicts.contains(&Some(Verdict::Cancelled)),
};

pub const SOLD_OUT: Case = Case {
    name: "somebody else buys what a request wanted",
    is: |_, world| any(world, |request| request.at == At::Told(Outcome::OutOfStock)),
};

pub const LATE_RESERVE: Case = Case {
    name: "a Reserve is under way whose hold was given back",
    is: |_, world| {
        world.calls.iter().any(|call| match call {
            Call::Reserve { hold_no, .. } => matches!(
                world.inventory.hold(*hold_no).state,
                HoldState::Released | HoldState::Expired
            ),
            Call::Release { .. } => false,
        })
    },
};

pub const CANCEL_OVERTAKES_CREATION: Case = Case {
    name: "inventory-svc hears of the cancellation before it hears of the order",
    is: |_, world| {
        status(world) == Some(Status::Cancelled)
            && world
                .orders
                .order
                .is_some_and(|order| order.version == world.inventory.followed)
            && awaits_event(world, 1)
    },
};

pub const EVENT_AFTER_SWEEPER: Case = Case {
    name: "the sweeper gives back what a cancelled order had, before the events of that order come",
    is: |_, world| {
        status(world) == Some(Status::Cancelled)
            && world.inventory.followed == 0
            && awaits_event(world, 1)
            && world.inventory.hold(1).state == HoldState::Released
    },
};

pub const CANCEL_OVERTAKES_CONFIRMATION: Case = Case {
    name: "an order is cancelled while the news that its stock is safe is under way",
    is: |_, world| {
        world.inventory.news != 0
            && world
                .orders
                .order
                .is_some_and(|order| order.status == Status::Cancelled && order.version == 2)
    },
};

pub const LOSER_IS_STALE: Case = Case {
    name: "of two updates of one version one is made and the other is told 412",
    is: |_, world| {
        any(world, |request| {
            updates(request) && matches!(request.at, At::Told(Outcome::Changed { .. }))
        }) && any(world, |request| {
            updates(request) && request.at == At::Told(Outcome::Stale)
        })
    },
};

pub const LOSER_RELEASES: Case = Case {
    name: "an update that came too late gives its hold back",
    is: |_, world| {
        world
            .calls
            .iter()
            .any(|call| matches!(call, Call::Release { .. }))
    },
};

pub const UPDATE_MEETS_CLOSED: Case = Case {
    name: "an update whose hold the sweeper closed is made with the next",
    is: |_, world| {
        world.inventory.hold(2).state == HoldState::Expired
            && world.orders.order.is_some_and(|order| order.has(3))
            && any(world, |request| {
                updates(request) && matches!(request.at, At::Told(Outcome::Changed { .. }))
            })
    },
};

pub const SHARED_HOLD: Case = Case {
    name: "two updates have the same hold",
    is: |_, world| {
        let with_hold_2 = world.requests.iter().filter(|request| {
            matches!(
                request.at,
                At::Reserved {
                    hold_no: 2,
                    answer: Reserved::Held,
                    ..
                }
            )
        });
        with_hold_2.count() > 1
    },
};

pub const OTHER_CONTENT: Case = Case {
    name: "two updates ask for different things with one number",
    is: |_, world| {
        any(world, |request| {
            matches!(
                request.at,
                At::Reserved {
                    answer: Reserved::OtherContent,
                    ..
                }
            )
        })
    },
};

pub const SHIPPED_FIRST: Case = Case {
    name: "inventory-svc hears that the order was shipped before it hears that it was confirmed",
    is: |_, world| {
        status(world) == Some(Status::Shipped)
            && world
                .orders
                .order
                .is_some_and(|order| order.version == world.inventory.followed)
            && !world.orders.outbox.is_empty()
    },
};

pub const REDUCED_WITH_TWO_HOLDS: Case = Case {
    name: "an order of two holds is reduced, and a hold gives back a part",
    is: |_, world| {
        world.orders.order.is_some_and(|order| {
            order.lives() && order.cancelled > 0 && order.holds.count_ones() == 2
        }) && world
            .inventory
            .holds
            .iter()
            .any(|hold| hold.state == HoldState::Confirmed && hold.pieces < hold.taken)
    },
};
