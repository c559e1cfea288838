//! What became of the credit notes, in figures. All amounts are pence.

use std::collections::{HashMap, HashSet};

use serde::Serialize;

use super::{
    catch_up::CaughtUp,
    play::Outcome,
    play_returns::Returned,
    report::{EXAMPLES, Failure, seconds},
    returns::{Credits, Mismatch, Return, Tally},
};

/// Each row of the credit notes is in exactly one of the tallies.
#[derive(Debug, Serialize)]
pub struct CreditNotes {
    pub rows: u64,
    pub returned: Tally,
    pub unmatched: Vec<Unmatched>,
    pub no_goods: Tally,
    pub beyond_limit: Tally,
    /// Of orders that the shop had refused.
    pub refused: Tally,
    pub failed: Tally,
    pub returns: ReturnCount,
    pub failures: Vec<Failure>,
    pub read_models: RefundsRead,
}

#[derive(Debug, Serialize)]
pub struct Unmatched {
    pub reason: Mismatch,
    #[serde(flatten)]
    pub tally: Tally,
}

/// A return is what one credit note gives back of one order.
#[derive(Debug, Default, Serialize)]
pub struct ReturnCount {
    pub planned: u64,
    pub made_new: u64,
    /// The answer was a replay: an earlier run made it, or the first answer was lost.
    pub made_before: u64,
    pub refused: u64,
    pub failed: u64,
}

/// The refunds as the list of orders shows them.
#[derive(Debug, Default, Serialize)]
pub struct RefundsRead {
    /// Of which something was returned.
    pub orders: u64,
    /// Seconds after the last answer, until all of them were shown; none if that never came.
    pub shown_after: Option<f64>,
    pub refunds: i64,
    /// Against the answers to the returns. Of an order of an earlier run more may have been returned since.
    pub difference: i64,
    /// Orders with a return of this run that show another refund than was answered.
    pub differing: u64,
}

/// What was given back on a day; a return's day is that of its credit note.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize)]
pub struct Refunds {
    pub returns: u64,
    pub pieces: i64,
    /// By the answers to the returns.
    pub refunds: i64,
    /// By the rows of the credit notes.
    pub file: i64,
    pub difference: i64,
}

impl Refunds {
    pub fn add(&mut self, back: &Return, refund: i64) {
        self.returns += 1;
        self.pieces += back.pieces();
        self.refunds += refund;
        self.file += back.amount;
        self.difference = self.refunds - self.file;
    }
}

impl CreditNotes {
    pub fn new(
        credits: &Credits,
        returned: &[Returned],
        orders: &[Outcome],
        seen: &CaughtUp,
    ) -> Self {
        let mut notes = Self {
            rows: 0,
            returned: Tally::default(),
            unmatched: credits
                .unmatched
                .iter()
                .map(|(reason, tally)| Unmatched {
                    reason: *reason,
                    tally: tally.clone(),
                })
                .collect(),
            no_goods: credits.no_goods.clone(),
            beyond_limit: credits.beyond_limit.clone(),
            refused: Tally::default(),
            failed: Tally::default(),
            returns: ReturnCount {
                planned: credits.returns.len() as u64,
                ..ReturnCount::default()
            },
            failures: Vec::new(),
            read_models: read_back(credits, returned, orders, seen),
        };
        notes.count_returns(credits, returned);
        notes.count_rows(credits, returned);
        notes
    }

    fn count_returns(&mut self, credits: &Credits, returned: &[Returned]) {
        for (back, outcome) in credits.returns.iter().zip(returned) {
            match outcome {
                Returned::Made { replayed: true, .. } => self.returns.made_before += 1,
                Returned::Made { .. } => self.returns.made_new += 1,
                Returned::NotSold => self.returns.refused += 1,
                Returned::Failed(reason) => {
                    self.returns.failed += 1;
                    if self.failures.len() < EXAMPLES {
                        self.failures.push(Failure {
                            invoice: back.note.clone(),
                            detail: reason.clone(),
                        });
                    }
                }
            }
        }
    }

    fn count_rows(&mut self, credits: &Credits, returned: &[Returned]) {
        for row in &credits.matched {
            let any =
                |what: fn(&Returned) -> bool| row.returns.iter().any(|at| what(&returned[*at]));
            let tally = if any(|outcome| matches!(outcome, Returned::Failed(_))) {
                &mut self.failed
            } else if any(|outcome| matches!(outcome, Returned::NotSold)) {
                &mut self.refused
            } else {
                &mut self.returned
            };
            tally.add(row.credit);
        }
        self.rows = self.no_goods.rows.rows + self.beyond_limit.rows.rows + self.unmatched_rows();
        self.rows += self.returned.rows.rows + self.refused.rows.rows + self.failed.rows.rows;
    }

    pub fn unmatched_rows(&self) -> u64 {
        self.unmatched.iter().map(|kind| kind.tally.rows.rows).sum()
    }
}

/// What was refunded of each order, by its id, as the answers to its returns say.
pub fn refunds<'a>(
    credits: &Credits,
    returned: &[Returned],
    orders: &'a [Outcome],
) -> HashMap<&'a str, i64> {
    let mut refunds = HashMap::new();
    for (back, outcome) in credits.returns.iter().zip(returned) {
        if let (Outcome::Placed(order), Returned::Made { refund, .. }) =
            (&orders[back.order], outcome)
        {
            *refunds.entry(order.id.as_str()).or_default() += refund;
        }
    }
    refunds
}

fn read_back(
    credits: &Credits,
    returned: &[Returned],
    orders: &[Outcome],
    seen: &CaughtUp,
) -> RefundsRead {
    let answered = refunds(credits, returned, orders);
    let of_this_run: HashSet<&str> = credits
        .returns
        .iter()
        .zip(returned)
        .filter_map(|(back, outcome)| match (&orders[back.order], outcome) {
            (
                Outcome::Placed(order),
                Returned::Made {
                    replayed: false, ..
                },
            ) => Some(order.id.as_str()),
            _ => None,
        })
        .collect();
    let shown: i64 = seen.orders.values().map(|order| order.refunded).sum();
    let differs = |id: &&&str| {
        let shown = seen.orders.get(**id).map(|order| order.refunded);
        shown.is_some_and(|shown| answered.get(**id) != Some(&shown))
    };
    RefundsRead {
        orders: answered.len() as u64,
        shown_after: seen.settled.map(seconds),
        refunds: shown,
        difference: shown - answered.values().sum::<i64>(),
        differing: of_this_run.iter().filter(differs).count() as u64,
    }
}
