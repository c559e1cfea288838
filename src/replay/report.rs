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
    rows::{Sales, Unparsed},
};

/// So many refusals of a kind, and failures, are shown in full.
const EXAMPLES: usize = 5;

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
    pub no_sale: u64,
    pub unparsed: u64,
    pub refused: u64,
    pub beyond_limit: u64,
    pub failed: u64,
}

impl RowCount {
    fn accounted(&self) -> u64 {
        self.sold + self.no_sale + self.unparsed + self.refused + self.beyond_limit + self.failed
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
    /// Placed by an earlier run of the same file.
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

/// What was sold on a day; an invoice's day is that of its first row.
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
}

impl Day {
    fn add(&mut self, order: &Order, revenue: i64) {
        self.orders += 1;
        self.rows += order.rows;
        self.units += order.units();
        self.revenue += revenue;
        self.file += order.amount;
        self.difference = self.revenue - self.file;
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
    pub retries: u64,
}

impl Report {
    pub fn new(findings: Findings<'_>) -> Self {
        let Findings {
            sales,
            plan,
            played,
            caught_up,
            ..
        } = findings;
        let no_sale: Vec<NoSale> = plan
            .no_sale
            .iter()
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
                no_sale: no_sale.iter().map(|no_sale| no_sale.rows).sum(),
                unparsed: sales.unparsed.len() as u64,
                beyond_limit: plan.beyond_limit.rows,
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
                confirmed_after: caught_up.confirmed.map(seconds),
                revenue: caught_up.orders.values().map(|order| order.total).sum(),
                difference: 0,
                differing: 0,
            },
            problems: Vec::new(),
        };
        report.count(plan, played);
        report.read_models.differing = differing(played, caught_up);
        report.read_models.difference = report.read_models.revenue - report.total.revenue;
        if played.took > Duration::ZERO {
            let answered = report.orders.placed_new + report.orders.placed_before;
            report.orders_per_second = round(answered as f64 / played.took.as_secs_f64());
        }
        report.problems = report.find_problems();
        report
    }

    fn count(&mut self, plan: &Plan, played: &Played) {
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
                        .or_insert_with(|| Day {
                            day: Some(day),
                            ..Day::default()
                        })
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
            read.visible_after.is_some(),
            format!("the list of orders shows {} of {placed}", read.orders),
        );
        check(
            read.visible_after.is_none() || read.confirmed_after.is_some(),
            format!("{} of {placed} orders are confirmed", read.confirmed),
        );
        check(
            read.differing == 0,
            format!("{} orders read back differ from the answers to them", read.differing),
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

fn seconds(duration: Duration) -> f64 {
    round(duration.as_secs_f64())
}

/// Two digits are all that means anything.
fn round(value: f64) -> f64 {
    (value * 100.0).round() / 100.0
}

#[cfg(test)]
pub mod tests {
    use hdrhistogram::Histogram;

    use super::{
        super::{catch_up::Seen, plan, play::Placed, rows},
        *,
    };

    const FILE: &str = "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country\n\
        1,8,X,6,2010-12-01 08:26,2.55,17850,UK\n\
        1,9,X,1,2010-12-01 08:26,0.45,17850,UK\n\
        2,8,X,10,2010-12-02 08:26,2.55,,UK\n\
        3,8,X,1,2010-12-02 08:27,2.55,1,UK\n\
        C4,8,X,-1,2010-12-02 08:27,2.55,1,UK\n\
        5,8,X,one,2010-12-02 08:27,2.55,1,UK\n\
        6,8,X,1,2010-12-03 08:27,2.55,1,UK\n";

    fn placed(id: &str, total: i64, replayed: bool) -> Outcome {
        Outcome::Placed(Placed {
            id: id.to_owned(),
            total,
            placed_at: chrono::DateTime::UNIX_EPOCH,
            replayed,
        })
    }

    /// A run of four planned orders with these outcomes.
    pub fn report(outcomes: Vec<Outcome>, read_back: &[(&str, &str, i64)]) -> Report {
        let sales = rows::parse(FILE.as_bytes()).unwrap();
        let plan = plan::plan(&sales.rows, Some(outcomes.len()));
        let mut latency = Histogram::new(3).unwrap();
        for microseconds in [1_000, 2_000, 3_000, 250_000] {
            latency.record(microseconds).unwrap();
        }
        let placed = outcomes
            .iter()
            .filter(|o| matches!(o, Outcome::Placed(_)))
            .count();
        let orders: HashMap<String, Seen> = read_back
            .iter()
            .map(|(id, status, total)| {
                let seen = serde_json::json!({"status": status, "total": total});
                ((*id).to_owned(), serde_json::from_value(seen).unwrap())
            })
            .collect();
        let some = |holds: bool| holds.then_some(Duration::from_millis(1234));
        let confirmed = orders.values().filter(|order| order.is_confirmed()).count();
        Report::new(Findings {
            file: "sales.csv".into(),
            gateway: "http://127.0.0.1:8080".into(),
            sales: &sales,
            plan: &plan,
            items_refused: BTreeMap::new(),
            played: &Played {
                outcomes,
                took: Duration::from_secs(2),
                latency,
            },
            caught_up: &CaughtUp {
                visible: some(orders.len() == placed),
                confirmed: some(confirmed == placed),
                orders,
            },
            retries: 3,
        })
    }

    pub fn good() -> Report {
        report(
            vec![
                placed("a", 1575, false),
                placed("b", 2550, true),
                Outcome::Refused {
                    status: 409,
                    problem: "insufficient-stock".into(),
                    detail: "8-255: 0 available".into(),
                },
            ],
            &[("a", "confirmed", 1575), ("b", "shipped", 2550)],
        )
    }

    #[test]
    fn every_row_is_in_one_place() {
        let report = good();
        let rows = &report.rows;
        assert_eq!(rows.read, 7);
        assert_eq!((rows.sold, rows.no_sale, rows.unparsed), (3, 1, 1));
        assert_eq!((rows.refused, rows.beyond_limit, rows.failed), (1, 1, 0));
        assert_eq!(report.problems, [""; 0]);
        assert_eq!(report.unparsed[0].line, 7);
        assert_eq!(report.refused[0].examples[0].invoice, "3");
        assert_eq!(
            (report.orders.placed_new, report.orders.placed_before),
            (1, 1)
        );
    }

    #[test]
    fn revenue_is_compared_day_by_day() {
        let mut outcomes = vec![
            placed("a", 1575, false),
            placed("b", 2549, false),
            placed("c", 255, false),
        ];
        outcomes.push(placed("d", 256, false));
        let report = report(
            outcomes,
            &[("a", "confirmed", 1575), ("b", "confirmed", 2549)],
        );
        let days: Vec<_> = report
            .days
            .iter()
            .map(|d| (d.orders, d.revenue, d.file, d.difference))
            .collect();
        assert_eq!(
            days,
            [(1, 1575, 1575, 0), (2, 2804, 2805, -1), (1, 256, 255, 1)]
        );
        assert_eq!(
            report.total.difference, 0,
            "two mistakes may hide each other in the sum"
        );
        assert_eq!(
            report.problems,
            [
                "the shop charged other sums than the file says",
                "the list of orders shows 2 of 4",
            ]
        );
    }

    #[test]
    fn a_failure_and_a_laggard_are_problems() {
        let outcomes = vec![
            placed("a", 1575, false),
            Outcome::Failed("no answer".into()),
        ];
        let report = report(outcomes, &[("a", "placed", 1574)]);
        assert_eq!(
            report.problems,
            [
                "1 orders failed for good",
                "0 of 1 orders are confirmed",
                "1 orders read back differ from the answers to them",
            ]
        );
        assert_eq!(report.rows.failed, 1);
    }

    #[test]
    fn the_json_has_the_figures() {
        let json = serde_json::to_value(good()).unwrap();
        assert_eq!(json["rows"]["sold"], 3);
        assert_eq!(json["days"][0]["day"], "2010-12-01");
        assert_eq!(json["total"]["revenue"], 4125);
        assert_eq!(json["refused"][0]["type"], "insufficient-stock");
        assert_eq!(json["no_sale"][0]["reason"], "credit_note");
        assert_eq!(json["orders_per_second"], 1.0);
        assert!(json["latency"]["p99"].as_f64().unwrap() > 200.0);
    }
}
