//! What an order is, told as simply as possible: counts of pieces at their prices, and which commands are allowed. It knows
//! nothing of how discounts and points are shared.

use proptest::{prelude::*, sample::select};
use proptest_state_machine::ReferenceStateMachine;

use super::*;

pub const SKUS: [&str; 3] = ["A", "B", "C"];

/// Pieces of a SKU, by its place in [`SKUS`].
pub type Asked = Vec<(usize, i64)>;

#[derive(Debug, Clone)]
pub enum Command {
    Confirm {
        /// Whether the news names all its holds.
        of_all: bool,
    },
    Cancel,
    CancelPieces(Asked),
    Update {
        wanted: Asked,
        /// Minor units by which a piece has become dearer.
        dearer: i64,
        /// Percent of what is added that a discount takes off.
        off: i64,
    },
    ApplyIncentive {
        code: Option<&'static str>,
        points: Option<i64>,
        /// Percent that the code takes off.
        off: i64,
    },
    Ship,
    Deliver,
    Return {
        pieces: Asked,
        restock: bool,
    },
    Withhold(i64),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expected {
    Event,
    Nothing,
    Refusal,
}

/// Pieces of a SKU at one price.
#[derive(Debug, Clone)]
pub struct Bought {
    pub sku: usize,
    pub unit_price: i64,
    pub ordered: i64,
    pub cancelled: i64,
    pub returned: i64,
}

#[derive(Debug, Clone)]
pub struct Reference {
    pub status: Status,
    pub version: i64,
    pub bought: Vec<Bought>,
    pub restocked: i64,
    pub code: Option<&'static str>,
    pub points: Option<i64>,
    pub withheld: i64,
    pub holds: usize,
    /// Percent of the first price.
    pub off: i64,
    /// Minor units that a point is worth.
    pub point_value: i64,
    /// Of the last command.
    pub expected: Expected,
}

/// Minor units of the first price of a piece.
pub fn price_of(sku: usize) -> i64 {
    [255, 339, 7][sku]
}

impl Reference {
    pub fn ordered(&self, sku: usize) -> i64 {
        self.count(sku, |bought| bought.ordered)
    }

    fn count(&self, sku: usize, count: fn(&Bought) -> i64) -> i64 {
        let own = self.bought.iter().filter(|bought| bought.sku == sku);
        own.map(count).sum()
    }

    fn has(&self, asked: &Asked, left: fn(&Bought) -> i64) -> bool {
        asked
            .iter()
            .all(|(sku, quantity)| self.count(*sku, left) >= *quantity)
    }

    /// Of the prices of a SKU, the one that came last goes first.
    fn lose(
        &mut self,
        sku: usize,
        mut quantity: i64,
        left: fn(&Bought) -> i64,
        lose: fn(&mut Bought, i64),
    ) {
        for bought in self
            .bought
            .iter_mut()
            .rev()
            .filter(|bought| bought.sku == sku)
        {
            let part = quantity.min(left(bought));
            lose(bought, part);
            quantity -= part;
        }
    }

    fn add(&mut self, sku: usize, quantity: i64, unit_price: i64) {
        let same = self
            .bought
            .iter_mut()
            .find(|bought| bought.sku == sku && bought.unit_price == unit_price);
        match same {
            Some(bought) => bought.ordered += quantity,
            None => self.bought.push(Bought {
                sku,
                unit_price,
                ordered: quantity,
                cancelled: 0,
                returned: 0,
            }),
        }
    }

    fn is_open(&self) -> bool {
        matches!(self.status, Status::Placed | Status::Confirmed)
    }

    fn expect(&self, command: &Command) -> Expected {
        use Expected::{Event, Nothing, Refusal};
        let (open, status) = (self.is_open(), self.status);
        let when = |allowed| if allowed { Event } else { Refusal };
        match command {
            Command::Confirm { of_all: true } if status == Status::Placed => Event,
            Command::Confirm { .. } => Nothing,
            Command::Cancel if status == Status::Cancelled => Nothing,
            Command::Cancel => when(open),
            Command::CancelPieces(pieces) => {
                when(open && self.has(pieces, |bought| bought.ordered))
            }
            Command::Update { wanted, .. } if open => {
                let same = (0..SKUS.len()).all(|sku| self.ordered(sku) == of(wanted, sku));
                if same { Nothing } else { Event }
            }
            Command::ApplyIncentive { code, points, .. } if open => {
                let other_code = code.is_some() && self.code.is_some() && *code != self.code;
                let other_points =
                    points.is_some() && self.points.is_some() && *points != self.points;
                let new = (code.is_some() && self.code.is_none())
                    || (points.is_some() && self.points.is_none());
                match (other_code || other_points, new) {
                    (true, _) => Refusal,
                    (false, true) => Event,
                    (false, false) => Nothing,
                }
            }
            Command::Update { .. } | Command::ApplyIncentive { .. } => Refusal,
            Command::Ship if status == Status::Shipped => Nothing,
            Command::Ship => when(status == Status::Confirmed),
            Command::Deliver if status == Status::Delivered => Nothing,
            Command::Deliver => when(status == Status::Shipped),
            Command::Return { pieces, .. } => when(
                matches!(status, Status::Shipped | Status::Delivered)
                    && self.has(pieces, |bought| bought.ordered - bought.returned),
            ),
            Command::Withhold(points) if *points > self.withheld => Event,
            Command::Withhold(_) => Nothing,
        }
    }

    fn obey(&mut self, command: &Command) {
        match command {
            Command::Confirm { .. } => self.status = Status::Confirmed,
            Command::Cancel => {
                self.bought.iter_mut().for_each(|bought| bought.ordered = 0);
                self.status = Status::Cancelled;
            }
            Command::CancelPieces(pieces) => {
                for (sku, quantity) in pieces {
                    self.lose(
                        *sku,
                        *quantity,
                        |bought| bought.ordered,
                        |bought, part| {
                            bought.ordered -= part;
                            bought.cancelled += part;
                        },
                    );
                }
                if self.bought.iter().all(|bought| bought.ordered == 0) {
                    self.status = Status::Cancelled;
                }
            }
            Command::Update { wanted, dearer, .. } => {
                let before = self.clone();
                for sku in 0..SKUS.len() {
                    let more = of(wanted, sku) - before.ordered(sku);
                    if more < 0 {
                        self.lose(
                            sku,
                            -more,
                            |bought| bought.ordered,
                            |bought, part| bought.ordered -= part,
                        );
                    } else if more > 0 {
                        self.add(sku, more, price_of(sku) + dearer);
                    }
                }
                self.bought
                    .retain(|bought| bought.ordered + bought.cancelled > 0);
                let takes = (0..SKUS.len()).any(|sku| of(wanted, sku) > before.ordered(sku));
                self.holds += usize::from(takes);
            }
            Command::ApplyIncentive { code, points, .. } => {
                self.code = self.code.or(*code);
                self.points = self.points.or(*points);
                self.holds += 1;
            }
            Command::Ship => self.status = Status::Shipped,
            Command::Deliver => self.status = Status::Delivered,
            Command::Return { pieces, restock } => {
                for (sku, quantity) in pieces {
                    self.lose(
                        *sku,
                        *quantity,
                        |bought| bought.ordered - bought.returned,
                        |bought, part| bought.returned += part,
                    );
                    self.restocked += if *restock { *quantity } else { 0 };
                }
            }
            Command::Withhold(points) => self.withheld = *points,
        }
    }
}

pub fn of(asked: &Asked, sku: usize) -> i64 {
    let own = asked.iter().find(|(own, _)| *own == sku);
    own.map_or(0, |(_, quantity)| *quantity)
}

fn asked(max: i64) -> impl Strategy<Value = Asked> {
    proptest::collection::btree_map(0..SKUS.len(), 1..=max, 1..=SKUS.len())
        .prop_map(|asked| asked.into_iter().collect())
}

fn incentive() -> impl Strategy<Value = (Option<&'static str>, Option<i64>)> {
    let code = select(vec![None, Some("SAVE"), Some("OTHER")]);
    let points = select(vec![None, Some(40), Some(333)]);
    (code, points).prop_filter("uses nothing", |(code, points)| {
        code.is_some() || points.is_some()
    })
}

impl ReferenceStateMachine for Reference {
    type State = Self;
    type Transition = Command;

    fn init_state() -> BoxedStrategy<Self> {
        (
            asked(6),
            0_i64..=100,
            1_i64..=5,
            select(vec![None, Some(150_i64)]),
        )
            .prop_map(|(asked, off, point_value, points)| Self {
                status: Status::Placed,
                version: 1,
                bought: asked
                    .into_iter()
                    .map(|(sku, ordered)| Bought {
                        sku,
                        unit_price: price_of(sku),
                        ordered,
                        cancelled: 0,
                        returned: 0,
                    })
                    .collect(),
                restocked: 0,
                code: (off > 0).then_some("SAVE"),
                points,
                withheld: 0,
                holds: 1,
                off,
                point_value,
                expected: Expected::Event,
            })
            .boxed()
    }

    fn transitions(state: &Self) -> BoxedStrategy<Command> {
        // Rather what can succeed; now and then what cannot.
        let (open, left) = match state.status {
            Status::Placed | Status::Confirmed => (5, 1),
            Status::Shipped | Status::Delivered | Status::Cancelled => (1, 5),
        };
        prop_oneof![
            open => any::<bool>().prop_map(|of_all| Command::Confirm { of_all }),
            1 => Just(Command::Cancel),
            open => asked(3).prop_map(Command::CancelPieces),
            open => (asked(6), select(vec![0_i64, 0, 11]), 0_i64..=100)
                .prop_map(|(wanted, dearer, off)| Command::Update { wanted, dearer, off }),
            open => (incentive(), 0_i64..=100)
                .prop_map(|((code, points), off)| Command::ApplyIncentive { code, points, off }),
            3 => Just(Command::Ship),
            1 => Just(Command::Deliver),
            left => (asked(3), any::<bool>())
                .prop_map(|(pieces, restock)| Command::Return { pieces, restock }),
            1 => select(vec![0_i64, 40, 200, 399]).prop_map(Command::Withhold),
        ]
        .boxed()
    }

    fn apply(mut state: Self, command: &Command) -> Self {
        state.expected = state.expect(command);
        if state.expected == Expected::Event {
            state.obey(command);
            state.version += 1;
        }
        state
    }
}
