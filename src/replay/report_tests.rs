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
