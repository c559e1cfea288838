//! Both databases, the requests, what is under way between them, and what may still go wrong.

use stateright::{Model, Property};

use super::{
    cases::Case,
    inventory_svc::{HoldState, InventorySvc, Verdict},
    order_svc::{Decision, Order, OrderSvc, Status},
    properties,
    request::{At, Command, Request},
    scope::{Broken, HOLDS, Scope},
};

/// A call that nobody waits for any longer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Call {
    Reserve { hold_no: u8, pieces: u8 },
    Release { hold_no: u8 },
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct World {
    pub orders: OrderSvc,
    pub inventory: InventorySvc,
    pub requests: Vec<Request>,
    pub calls: Vec<Call>,
    /// order-svc's answers to the sweeper that it has not acted upon.
    pub verdicts: [Option<Verdict>; HOLDS],
    pub failures_left: u8,
    pub repeats_left: u8,
}

impl World {
    pub fn send(&mut self, call: Call) {
        self.calls.push(call);
        self.calls.sort_unstable();
    }

    /// Whether nothing is under way. Clients may still send something.
    pub fn is_at_rest(&self) -> bool {
        !self.requests.iter().any(Request::runs)
            && self.calls.is_empty()
            && self.orders.outbox.is_empty()
            && self.inventory.news == 0
            && self.verdicts.iter().all(Option::is_none)
            && !self.sweepable().any(|_| true)
    }

    /// Holds that the sweeper will ask about. Their time to live may have passed at any moment.
    fn sweepable(&self) -> impl Iterator<Item = u8> {
        (1..=HOLDS as u8).filter(|hold_no| {
            self.inventory.hold(*hold_no).state == HoldState::Held
                && self.verdicts[usize::from(*hold_no) - 1].is_none()
        })
    }

    /// order-svc's answer to the sweeper, in one transaction.
    fn decide(&mut self, hold_no: u8, broken: Option<Broken>) -> Verdict {
        let decision = if broken == Some(Broken::Closing) {
            self.orders.decision(hold_no).unwrap_or(Decision::Closed)
        } else {
            self.orders.close_uncommitted(hold_no)
        };
        match (decision, self.orders.order) {
            (Decision::Closed, _) => Verdict::Closed,
            (Decision::Committed, Some(order)) if order.status == Status::Cancelled => {
                Verdict::Cancelled
            }
            (Decision::Committed, _) => Verdict::Live,
        }
    }

    fn take(&mut self, call: Call) {
        if let Some(index) = self.calls.iter().position(|known| *known == call) {
            self.calls.remove(index);
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// A client sends its request, or its handler takes the next step.
    Step(usize),
    /// The Reserve of a request is carried out and answered; a repetition of it may still be on its way.
    Reserve { request: usize, repeated: bool },
    /// The handler crashes, or its client loses the answer. A Reserve that is under way goes on, or is lost.
    Fail { request: usize, goes_on: bool },
    /// A handler is failed by what it calls, and tidies up.
    GiveUp(usize),
    /// A call that nobody waits for is carried out.
    Arrive(Call),
    /// It is lost.
    Lose(Call),
    /// The sweeper asks about a hold.
    Ask(u8),
    /// The sweeper acts upon the answer.
    Settle(u8),
    /// It loses the answer.
    Forget(u8),
    /// inventory-svc takes an event, in any order; it may come again.
    Follow { event: Order, repeated: bool },
    /// order-svc hears that holds are safe.
    Hear(u8),
    /// Somebody else buys a piece.
    SellToAnother,
}

impl Model for Scope {
    type State = World;
    type Action = Action;

    fn init_states(&self) -> Vec<World> {
        let mut world = World {
            orders: OrderSvc::default(),
            inventory: InventorySvc::new(self.on_hand),
            requests: Vec::new(),
            calls: Vec::new(),
            verdicts: [None; HOLDS],
            failures_left: self.failures,
            repeats_left: self.repeats,
        };
        let twins = (0..self.twins).map(|_| Command::Create);
        let updates = self
            .updates
            .iter()
            .map(|wanted| Command::Update { wanted: *wanted });
        world.requests = twins
            .chain(updates)
            .chain(self.cancels.then_some(Command::Cancel))
            .chain(self.ships.then_some(Command::Ship))
            .map(|command| Request::new(command, self.retries))
            .collect();
        if self.placed {
            world.inventory.reserve(1, self.pieces);
            world.orders.place(1, self.pieces);
        }
        vec![world]
    }

    fn actions(&self, world: &World, actions: &mut Vec<Action>) {
        for (index, request) in world.requests.iter().enumerate() {
            if request.has_step(world) {
                actions.push(Action::Step(index));
            }
            let reserves = matches!(request.at, At::Reserving { .. });
            let repeats = [false, true]
                .into_iter()
                .filter(|again| !again || world.repeats_left > 0);
            if reserves {
                actions.extend(repeats.map(|repeated| Action::Reserve {
                    request: index,
                    repeated,
                }));
            }
            if request.runs() && world.failures_left > 0 {
                actions.push(Action::Fail {
                    request: index,
                    goes_on: false,
                });
                if request.gives_up().is_some() {
                    actions.push(Action::GiveUp(index));
                }
                if reserves {
                    actions.push(Action::Fail {
                        request: index,
                        goes_on: true,
                    });
                }
            }
        }
        for call in &world.calls {
            actions.push(Action::Arrive(*call));
            if let Call::Release { .. } = call {
                actions.push(Action::Lose(*call));
            }
        }
        actions.extend(world.sweepable().map(Action::Ask));
        for hold_no in (1..=HOLDS as u8).filter(|n| world.verdicts[usize::from(*n) - 1].is_some()) {
            actions.push(Action::Settle(hold_no));
            if world.failures_left > 0 {
                actions.push(Action::Forget(hold_no));
            }
        }
        for event in &world.orders.outbox {
            actions.push(Action::Follow {
                event: *event,
                repeated: false,
            });
            if world.repeats_left > 0 {
                actions.push(Action::Follow {
                    event: *event,
                    repeated: true,
                });
            }
        }
        actions.extend(
            (0..16)
                .filter(|safe| world.inventory.news & (1 << safe) != 0)
                .map(Action::Hear),
        );
        if world.inventory.others < self.others {
            actions.push(Action::SellToAnother);
        }
    }

    fn next_state(&self, before: &World, action: Action) -> Option<World> {
        let mut world = before.clone();
        match action {
            Action::Step(index) => {
                let request = world.requests[index];
                let at = request.step(&mut world, self);
                world.requests[index].at = match at {
                    // An answer that cannot be lost is as good as there.
                    At::Answering { outcome, .. } if world.failures_left == 0 => At::Told(outcome),
                    at => at,
                };
            }
            Action::Reserve { request, repeated } => {
                let At::Reserving {
                    hold_no,
                    pieces,
                    seen,
                } = world.requests[request].at
                else {
                    return None;
                };
                if repeated {
                    world.repeats_left -= 1;
                    world.send(Call::Reserve { hold_no, pieces });
                }
                let answer = world.inventory.reserve(hold_no, pieces);
                world.requests[request].at = At::Reserved {
                    hold_no,
                    pieces,
                    seen,
                    answer,
                };
            }
            Action::Fail { request, goes_on } => {
                world.failures_left -= 1;
                if let At::Reserving {
                    hold_no, pieces, ..
                } = world.requests[request].at
                    && goes_on
                {
                    world.send(Call::Reserve { hold_no, pieces });
                }
                world.requests[request] = world.requests[request].failed();
            }
            Action::GiveUp(index) => {
                world.failures_left -= 1;
                world.requests[index].at = world.requests[index].gives_up()?;
            }
            Action::Arrive(call) => {
                world.take(call);
                match call {
                    Call::Reserve { hold_no, pieces } => {
                        world.inventory.reserve(hold_no, pieces);
                    }
                    Call::Release { hold_no } => world.inventory.release(hold_no, self.broken),
                }
            }
            Action::Lose(call) => world.take(call),
            Action::Ask(hold_no) => {
                world.verdicts[usize::from(hold_no) - 1] = Some(world.decide(hold_no, self.broken));
            }
            Action::Settle(hold_no) => {
                let verdict = world.verdicts[usize::from(hold_no) - 1].take()?;
                world.inventory.sweep(hold_no, verdict);
            }
            Action::Forget(hold_no) => {
                world.failures_left -= 1;
                world.verdicts[usize::from(hold_no) - 1] = None;
            }
            Action::Follow { event, repeated } => {
                if repeated {
                    world.repeats_left -= 1;
                } else {
                    let index = world
                        .orders
                        .outbox
                        .iter()
                        .position(|known| *known == event)?;
                    world.orders.outbox.remove(index);
                }
                // A refused one would become a dead letter.
                world.inventory.lost_hold |= !world.inventory.follow(&event, self.broken);
            }
            Action::Hear(safe) => {
                world.inventory.news &= !(1 << safe);
                world.orders.confirm(safe);
            }
            Action::SellToAnother => {
                if !world.inventory.sell_to_another() {
                    return None;
                }
            }
        }
        // Requests for the same are the same to us: of two worlds that differ in which is which one is explored.
        world.requests.sort_unstable();
        (world != *before).then_some(world)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        let reached = self.reaches.iter().map(Case::property);
        properties::all().into_iter().chain(reached).collect()
    }
}
