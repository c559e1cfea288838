//! What became of every row, in figures. All amounts are pence.

use std::{
    collections::{BTreeMap, HashMap},
    time::Duration,
};

use chrono::NaiveDate;
use serde::Serialize;

use super::{
    catch_up::CaughtUp,
    plan::{Order, Plan, Reason},
    play::{Outcome, Played},
    play_returns::Returned,
    report_returns::{CreditNotes, Refunds},
    returns::Return,
    rows::{Sales, Unparsed},
};

/// So many refusals of a kind, and failures, are shown in full.
pub const EXAMPLES: usize = 5;

/// See the module's documentation.
#[derive(Debug, Serialize)]
pub struct Report {
    pub file: String,
    pub sha256: String,
    pub gateway: String,
    pub currency: &'static str,
    pub rows: RowCount,
    pub no_sale: Vec<NoSale>,
    pub unparsed: Vec<Unparsed>,
    pub orders: OrderCount,
    pub refused: Vec<Refused>,
    pub failed: Vec<Failure>,
    /// By SKU: why the catalogue has it not.
    pub items_refused: BTreeMap<String, String>,
    pub credit_notes: CreditNotes,
    pub days: Vec<Day>,
    pub total: Day,
    pub latency: Latency,
    pub orders_per_second: f64,
    pub play_seconds: f64,
    /// Requests that had to be sent again.
    pub retries: u64,
    pub read_models: ReadModels,
    /// Why the exit status is 1; empty when all is well.
    pub problems: Vec<String>,
}

/// Each row of the file is in exactly one of these, `read` aside.
#[derive(Debug, Default, Serialize)]
pub struct RowCount {
    pub read: u64,
    pub sold: u64,
    /// Of credit notes, as those of the next two.
    pub returned: u64,
    /// No order has what they give back.
    pub unmatched: u64,
    /// Some of these are of credit notes, too, as of the others below.
    pub no_sale: u64,
    pub unparsed: u64,
    pub refused: u64,
    pub beyond_limit: u64,
    pub failed: u64,
}

impl RowCount {
    fn accounted(&self) -> u64 {
        self.sold
            + self.returned
            + self.unmatched
            + self.no_sale
            + self.unparsed
            + self.refused
            + self.beyond_limit
            + self.failed
    }
}

#[derive(Debug, Serialize)]
pub struct NoSale {
    pub reason: Reason,
    pub rows: u64,
    pub first_lines: Vec<u64>,
}

#[derive(Debug, Default, Serialize)]
pub struct OrderCount {
    pub planned: u64,
    pub placed_new: u64,
    /// The answer was a replay: an earlier run placed it, or the first answer was lost.
    pub placed_before: u64,
    pub refused: u64,
    pub failed: u64,
}

#[derive(Debug, Serialize)]
pub struct Refused {
    pub status: u16,
    #[serde(rename = "type")]
    pub problem: String,
    pub orders: u64,
    pub rows: u64,
    pub examples: Vec<Failure>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Failure {
    pub invoice: String,
    pub detail: String,
}

/// What was sold and given back on a day; an invoice's day is that of its first row.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize)]
pub struct Day {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub day: Option<NaiveDate>,
    pub orders: u64,
    pub rows: u64,
    pub units: i64,
    /// By the answers to the orders.
    pub revenue: i64,
    /// By the file's rows that these orders stand for.
    pub file: i64,
    pub difference: i64,
    pub returns: Refunds,
    /// Revenue less refunds, by the answers and by the file.
    pub net: i64,
    pub net_file: i64,
    pub net_difference: i64,
}

impl Day {
    fn of(day: NaiveDate) -> Self {
        Self {
            day: Some(day),
            ..Self::default()
        }
    }

    fn add(&mut self, order: &Order, revenue: i64) {
        self.orders += 1;
        self.rows += order.rows;
        self.units += order.units();
        self.revenue += revenue;
        self.file += order.amount;
        self.difference = self.revenue - self.file;
        self.settle();
    }

    fn add_return(&mut self, back: &Return, refund: i64) {
        self.returns.add(back, refund);
        self.settle();
    }

    pub fn name(&self) -> String {
        self.day
            .map_or_else(|| "Total".to_owned(), |day| day.to_string())
    }

    fn settle(&mut self) {
        self.net = self.revenue - self.returns.refunds;
        self.net_file = self.file - self.returns.file;
        self.net_difference = self.net - self.net_file;
    }
}

/// Milliseconds from a request to its answer, of orders placed.
#[derive(Debug, Serialize)]
pub struct Latency {
    pub p50: f64,
    pub p95: f64,
    pub p99: f64,
    pub max: f64,
}

#[derive(Debug, Serialize)]
pub struct ReadModels {
    pub orders: u64,
    pub confirmed: u64,
    /// Seconds after the last answer, until every order was listed; none if that never came.
    pub visible_after: Option<f64>,
    /// The same, until every order was confirmed.
    pub confirmed_after: Option<f64>,
    /// The sum of the orders as read back.
    pub revenue: i64,
    /// Against the answers to the orders. One placed by an earlier run may have been changed since.
    pub difference: i64,
    /// Orders of this run whose total is not the one that was answered.
    pub differing: u64,
}

/// What a run has found out.
pub struct Findings<'a> {
    pub file: String,
    pub gateway: String,
    pub sales: &'a Sales,
    pub plan: &'a Plan,
    pub items_refused: BTreeMap<String, String>,
    pub played: &'a Played,
    pub caught_up: &'a CaughtUp,
    /// Of the plan's returns.
    pub returned: &'a [Returned],
    /// The orders of which something was returned, after that.
    pub refunds_seen: &'a CaughtUp,
    pub retries: u64,
}

impl Report {
    pub fn new(findings: Findings<'_>) -> Self {
        let Findings {
            sales,
            plan,
            played,
            caught_up,
            returned,
            ..
        } = findings;
        let credit_notes = CreditNotes::new(
            &plan.credits,
            returned,
            &played.outcomes,
            findings.refunds_seen,
        );
        let of_no_goods = &plan.credits.no_goods.rows;
        let no_sale: Vec<NoSale> = [(&Reason::CreditOfNoGoods, of_no_goods)]
            .into_iter()
            .filter(|(_, rows)| rows.rows > 0)
            .chain(&plan.no_sale)
            .map(|(reason, rows)| NoSale {
                reason: *reason,
                rows: rows.rows,
                first_lines: rows.first_lines.clone(),
            })
            .collect();
        let mut report = Self {
            file: findings.file,
            sha256: sales.sha256.clone(),
            gateway: findings.gateway,
            currency: super::CURRENCY,
            rows: RowCount {
                read: sales.read(),
                returned: credit_notes.returned.rows.rows,
                unmatched: credit_notes.unmatched_rows(),
                no_sale: no_sale.iter().map(|no_sale| no_sale.rows).sum(),
                unparsed: sales.unparsed.len() as u64,
                refused: credit_notes.refused.rows.rows,
                beyond_limit: plan.beyond_limit.rows + credit_notes.beyond_limit.rows.rows,
                failed: credit_notes.failed.rows.rows,
                ..RowCount::default()
            },
            no_sale,
            unparsed: sales.unparsed.clone(),
            orders: OrderCount {
                planned: plan.orders.len() as u64,
                ..OrderCount::default()
            },
            refused: Vec::new(),
            failed: Vec::new(),
            items_refused: findings.items_refused,
            credit_notes,
            days: Vec::new(),
            total: Day::default(),
            latency: latency(played),
            orders_per_second: 0.0,
            play_seconds: seconds(played.took),
            retries: findings.retries,
            read_models: ReadModels {
                orders: caught_up.orders.len() as u64,
                confirmed: caught_up
                    .orders
                    .values()
                    .filter(|order| order.is_confirmed())
                    .count() as u64,
                visible_after: caught_up.visible.map(seconds),
                confirmed_after: caught_up.settled.map(seconds),
                revenue: caught_up.orders.values().map(|order| order.total).sum(),
                difference: 0,
                differing: 0,
            },
            problems: Vec::new(),
        };
        report.count(plan, played, returned);
        report.read_models.differing = differing(played, caught_up);
        report.read_models.difference = report.read_models.revenue - report.total.revenue;
        if played.took > Duration::ZERO {
            let answered = report.orders.placed_new + report.orders.placed_before;
            report.orders_per_second = round(answered as f64 / played.took.as_secs_f64());
        }
        report.problems = report.find_problems();
        report
    }

    fn count(&mut self, plan: &Plan, played: &Played, returned: &[Returned]) {
        let mut days = BTreeMap::<NaiveDate, Day>::new();
        let mut refused = HashMap::<(u16, &str), Refused>::new();
        for (order, outcome) in plan.orders.iter().zip(&played.outcomes) {
            match outcome {
                Outcome::Placed(placed) => {
                    match placed.replayed {
                        true => self.orders.placed_before += 1,
                        false => self.orders.placed_new += 1,
                    }
                    let day = order.at.date();
                    days.entry(day)
                        .or_insert_with(|| Day::of(day))
                        .add(order, placed.total);
                    self.total.add(order, placed.total);
                    self.rows.sold += order.rows;
                }
                Outcome::Refused {
                    status,
                    problem,
                    detail,
                } => {
                    self.orders.refused += 1;
                    self.rows.refused += order.rows;
                    let kind = refused
                        .entry((*status, problem))
                        .or_insert_with(|| Refused {
                            status: *status,
                            problem: problem.clone(),
                            orders: 0,
                            rows: 0,
                            examples: Vec::new(),
                        });
                    kind.orders += 1;
                    kind.rows += order.rows;
                    note(&mut kind.examples, order, detail);
                }
                Outcome::Failed(reason) => {
                    self.orders.failed += 1;
                    self.rows.failed += order.rows;
                    note(&mut self.failed, order, reason);
                }
            }
        }
        for (back, outcome) in plan.credits.returns.iter().zip(returned) {
            if let Returned::Made { refund, .. } = outcome {
                let day = back.at.date();
                days.entry(day)
                    .or_insert_with(|| Day::of(day))
                    .add_return(back, *refund);
                self.total.add_return(back, *refund);
            }
        }
        self.days = days.into_values().collect();
        self.refused = refused.into_values().collect();
        self.refused
            .sort_by(|a, b| (b.orders, &a.problem).cmp(&(a.orders, &b.problem)));
    }

    fn find_problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        let mut check = |holds: bool, problem: String| {
            if !holds {
                problems.push(problem);
            }
        };
        let (rows, orders, read) = (&self.rows, &self.orders, &self.read_models);
        let (returns, refunds) = (&self.credit_notes.returns, &self.credit_notes.read_models);
        let placed = orders.placed_new + orders.placed_before;
        check(
            rows.accounted() == rows.read,
            format!(
                "{} rows were read, but {} are accounted for",
                rows.read,
                rows.accounted()
            ),
        );
        check(
            orders.failed == 0,
            format!("{} orders failed for good", orders.failed),
        );
        check(
            self.days.iter().all(|day| day.difference == 0),
            "the shop charged other sums than the file says".to_owned(),
        );
        check(
            returns.failed == 0,
            format!("{} returns failed for good", returns.failed),
        );
        check(
            self.days.iter().all(|day| day.returns.difference == 0),
            "the shop refunded other sums than the credit notes say".to_owned(),
        );
        check(
            read.visible_after.is_some(),
            format!("the list of orders shows {} of {placed}", read.orders),
        );
        check(
            read.visible_after.is_none() || read.confirmed_after.is_some(),
            format!("{} of {placed} orders are confirmed", read.confirmed),
        );
        check(
            read.differing == 0,
            format!(
                "{} orders read back differ from the answers to them",
                read.differing
            ),
        );
        check(
            refunds.shown_after.is_some(),
            "the list of orders does not show all that was refunded".to_owned(),
        );
        check(
            refunds.differing == 0,
            format!(
                "{} orders read back show other refunds than were answered",
                refunds.differing
            ),
        );
        problems
    }
}

fn note(examples: &mut Vec<Failure>, order: &Order, detail: &str) {
    if examples.len() < EXAMPLES {
        examples.push(Failure {
            invoice: order.invoice.clone(),
            detail: detail.to_owned(),
        });
    }
}

fn differing(played: &Played, caught_up: &CaughtUp) -> u64 {
    let differs = |outcome: &&Outcome| match outcome {
        Outcome::Placed(placed) if !placed.replayed => {
            let seen = caught_up.orders.get(&placed.id);
            seen.is_some_and(|seen| seen.total != placed.total)
        }
        Outcome::Placed(_) | Outcome::Refused { .. } | Outcome::Failed(_) => false,
    };
    played.outcomes.iter().filter(differs).count() as u64
}

fn latency(played: &Played) -> Latency {
    let ms = |microseconds: u64| round(microseconds as f64 / 1000.0);
    let at = |quantile| ms(played.latency.value_at_quantile(quantile));
    Latency {
        p50: at(0.50),
        p95: at(0.95),
        p99: at(0.99),
        max: ms(played.latency.max()),
    }
}

pub fn seconds(duration: Duration) -> f64 {
    round(duration.as_secs_f64())
}

/// Two digits are all that means anything.
fn round(value: f64) -> f64 {
    (value * 100.0).round() / 100.0
}

#[cfg(test)]
#[path = "report_tests.rs"]
pub mod tests;
