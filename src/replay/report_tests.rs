use hdrhistogram::Histogram;

use super::{
    super::{
        plan,
        play::Placed,
        returns::{Mismatch, Tally},
        rows,
    },
    *,
};

const FILE: &str = "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country\n\
    1,8,X,6,2010-12-01 08:26,2.55,17850,UK\n\
    1,9,X,1,2010-12-01 08:26,0.45,17850,UK\n\
    2,8,X,10,2010-12-02 08:26,2.55,,UK\n\
    3,8,X,1,2010-12-02 08:27,2.55,1,UK\n\
    C4,8,X,-1,2010-12-02 08:27,2.55,1,UK\n\
    5,8,X,one,2010-12-02 08:27,2.55,1,UK\n\
    6,8,X,1,2010-12-03 08:27,2.55,1,UK\n\
    C7,8,X,-4,2010-12-03 09:00,2.55,17850,UK\n\
    C7,9,X,-1,2010-12-03 09:00,0.45,17850,UK\n\
    C8,8,X,-1,2010-12-04 09:00,2.55,17850,UK\n\
    C8,8,X,-2,2010-12-04 09:00,2.55,17850,UK\n\
    C8,8,X,-1,2010-12-04 09:00,2.55,,UK\n\
    C8,D,Discount,-1,2010-12-04 09:00,10,17850,UK\n\
    C9,8,X,-1,2010-12-04 09:00,2.55,1,UK\n";

fn placed(id: &str, total: i64, replayed: bool) -> Outcome {
    Outcome::Placed(Placed {
        id: id.to_owned(),
        total,
        placed_at: chrono::DateTime::UNIX_EPOCH,
        replayed,
    })
}

fn made(refund: i64, replayed: bool) -> Returned {
    Returned::Made { refund, replayed }
}

type ReadBack<'a> = &'a [(&'a str, &'a str, i64, i64)];

fn seen(read_back: ReadBack<'_>, complete: bool) -> CaughtUp {
    let after = complete.then_some(Duration::from_millis(1234));
    CaughtUp {
        visible: after,
        settled: after,
        orders: read_back
            .iter()
            .map(|(id, status, total, refunded)| {
                let seen =
                    serde_json::json!({"status": status, "total": total, "refunded": refunded});
                ((*id).to_owned(), serde_json::from_value(seen).unwrap())
            })
            .collect(),
    }
}

/// A run of the first orders of the file with these outcomes; and with these of the returns, if any are planned.
pub fn report(outcomes: Vec<Outcome>, read_back: ReadBack<'_>, returned: &[Returned]) -> Report {
    let sales = rows::parse(FILE.as_bytes()).unwrap();
    let plan = plan::plan(&sales.rows, Some(outcomes.len()));
    assert_eq!(plan.credits.returns.len(), returned.len());
    let mut latency = Histogram::new(3).unwrap();
    for microseconds in [1_000, 2_000, 3_000, 250_000] {
        latency.record(microseconds).unwrap();
    }
    let placed = outcomes
        .iter()
        .filter(|o| matches!(o, Outcome::Placed(_)))
        .count();
    let mut caught_up = seen(read_back, read_back.len() == placed);
    let orders = caught_up.orders.values();
    let confirmed = orders.filter(|order| order.is_confirmed()).count();
    caught_up.settled = caught_up.settled.filter(|_| confirmed == placed);
    let credits = &plan.credits;
    let refunds = super::super::report_returns::refunds(credits, returned, &outcomes);
    let refunded: Vec<_> = read_back
        .iter()
        .copied()
        .filter(|(id, ..)| refunds.contains_key(id))
        .collect();
    let shown = refunded.iter().all(|(id, .., shown)| refunds[id] <= *shown);
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
        caught_up: &caught_up,
        returned,
        refunds_seen: &seen(&refunded, shown),
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
        &[("a", "delivered", 1575, 1320), ("b", "shipped", 2550, 0)],
        &[Returned::NotSold, made(1065, true), made(255, false)],
    )
}

#[test]
fn every_row_is_in_one_place() {
    let report = good();
    let rows = &report.rows;
    assert_eq!(rows.read, 14);
    assert_eq!((rows.sold, rows.no_sale, rows.unparsed), (3, 1, 1));
    assert_eq!((rows.returned, rows.unmatched), (3, 2));
    assert_eq!((rows.refused, rows.beyond_limit, rows.failed), (2, 2, 0));
    assert_eq!(report.problems, [""; 0]);
    assert_eq!(report.unparsed[0].line, 7);
    assert_eq!(report.refused[0].examples[0].invoice, "3");
    assert_eq!(
        (report.orders.placed_new, report.orders.placed_before),
        (1, 1)
    );
}

#[test]
fn credit_notes_are_counted_in_rows_pieces_and_pence() {
    let notes = good().credit_notes;
    assert_eq!(notes.rows, 8);
    let figures = |tally: &Tally| (tally.rows.rows, tally.pieces, tally.amount);
    assert_eq!(figures(&notes.returned), (3, 6, 1320));
    assert_eq!(figures(&notes.refused), (1, 1, 255));
    assert_eq!(figures(&notes.beyond_limit), (1, 1, 255));
    assert_eq!(figures(&notes.no_goods), (1, 1, 1000));
    assert_eq!(figures(&notes.failed), (0, 0, 0));
    let unmatched: Vec<_> = notes
        .unmatched
        .iter()
        .map(|kind| (kind.reason, figures(&kind.tally)))
        .collect();
    assert_eq!(
        unmatched,
        [
            (Mismatch::NoCustomer, (1, 1, 255)),
            (Mismatch::TooMany, (1, 2, 510)),
        ]
    );
    let returns = &notes.returns;
    assert_eq!(
        (returns.planned, returns.refused, returns.failed),
        (3, 1, 0)
    );
    assert_eq!((returns.made_new, returns.made_before), (1, 1));
}

#[test]
fn revenue_is_compared_day_by_day() {
    let report = report(
        vec![
            placed("a", 1575, false),
            placed("b", 2549, false),
            placed("c", 255, false),
            placed("d", 256, false),
        ],
        &[("a", "confirmed", 1575, 1320), ("b", "confirmed", 2549, 0)],
        &[
            made(255, false),
            made(1065, false),
            made(255, false),
            made(255, false),
        ],
    );
    let days: Vec<_> = report
        .days
        .iter()
        .map(|d| (d.orders, d.revenue, d.file, d.difference))
        .collect();
    assert_eq!(
        days,
        [
            (1, 1575, 1575, 0),
            (2, 2804, 2805, -1),
            (1, 256, 255, 1),
            (0, 0, 0, 0),
        ]
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
fn refunds_are_compared_on_the_day_of_the_note() {
    let report = report(
        vec![
            placed("a", 1575, false),
            placed("b", 2550, false),
            placed("c", 255, false),
            placed("d", 255, false),
        ],
        &[
            ("a", "delivered", 1575, 1320),
            ("b", "confirmed", 2550, 0),
            ("c", "delivered", 255, 255),
            ("d", "delivered", 255, 254),
        ],
        &[
            made(255, false),
            made(1064, false),
            made(256, false),
            made(254, false),
        ],
    );
    let days: Vec<_> = report
        .days
        .iter()
        .map(|day| {
            let back = &day.returns;
            (back.refunds, back.file, back.difference, day.net_difference)
        })
        .collect();
    assert_eq!(
        days,
        [
            (0, 0, 0, 0),
            (255, 255, 0, 0),
            (1064, 1065, -1, 1),
            (510, 510, 0, 0)
        ]
    );
    let total = &report.total;
    assert_eq!((total.returns.refunds, total.returns.file), (1829, 1830));
    assert_eq!(
        (total.net, total.net_file, total.net_difference),
        (2806, 2805, 1)
    );
    assert_eq!(
        report.problems,
        ["the shop refunded other sums than the credit notes say"]
    );
}

#[test]
fn a_failure_and_a_laggard_are_problems() {
    let outcomes = vec![
        placed("a", 1575, false),
        Outcome::Failed("no answer".into()),
    ];
    let report = report(
        outcomes,
        &[("a", "placed", 1574, 1064)],
        &[made(1065, false), Returned::Failed("no answer".into())],
    );
    assert_eq!(
        report.problems,
        [
            "1 orders failed for good",
            "1 returns failed for good",
            "0 of 1 orders are confirmed",
            "1 orders read back differ from the answers to them",
            "the list of orders does not show all that was refunded",
            "1 orders read back show other refunds than were answered",
        ]
    );
    assert_eq!(report.rows.failed, 2);
    assert_eq!(report.credit_notes.failures[0].invoice, "C8");
}

#[test]
fn what_was_returned_after_an_earlier_run_is_no_problem() {
    let report = report(
        vec![placed("a", 1575, true)],
        &[("a", "delivered", 1575, 1575)],
        &[made(1065, true), made(255, true)],
    );
    assert_eq!(report.problems, [""; 0]);
    assert_eq!(report.credit_notes.read_models.difference, 255);
}

#[test]
fn the_json_has_the_figures() {
    let json = serde_json::to_value(good()).unwrap();
    assert_eq!(json["rows"]["sold"], 3);
    assert_eq!(json["rows"]["returned"], 3);
    assert_eq!(json["days"][0]["day"], "2010-12-01");
    assert_eq!(json["total"]["revenue"], 4125);
    assert_eq!(json["total"]["returns"]["refunds"], 1320);
    assert_eq!(json["total"]["net"], 2805);
    assert_eq!(json["total"]["net_difference"], 0);
    assert_eq!(json["refused"][0]["type"], "insufficient-stock");
    assert_eq!(json["no_sale"][0]["reason"], "credit_of_no_goods");
    assert_eq!(json["credit_notes"]["returned"]["amount"], 1320);
    assert_eq!(json["credit_notes"]["unmatched"][1]["reason"], "too_many");
    assert_eq!(json["credit_notes"]["unmatched"][1]["rows"], 1);
    assert_eq!(json["orders_per_second"], 1.0);
    assert!(json["latency"]["p99"].as_f64().unwrap() > 200.0);
}
