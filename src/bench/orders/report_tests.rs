use super::{super::rows::tests::rows, *};
use crate::bench::cpu::Part;

/// `accepted` orders in two seconds of load and half a second more; the floor does `floor` a second.
fn round(round: u32, accepted: u64, floor: u64) -> MeasuredRound {
    let mut latency = Histogram::new(3).unwrap();
    latency.record_n(30_000, accepted - 1).unwrap();
    latency.record(250_000).unwrap();
    let each = |us: u64| Some(us * accepted);
    MeasuredRound {
        round,
        seconds: 2.0,
        tally: Tally {
            accepted,
            in_time: accepted - 10,
            latency,
            took: Duration::from_secs(2),
            ..Tally::new().unwrap()
        },
        settled: Settled {
            confirmed: Duration::from_millis(500),
            mailed: Duration::from_secs(3),
        },
        cpu: Cpu::example([
            (Part::Gateway, each(200)),
            (Part::OrderSvc, each(800)),
            (Part::InventorySvc, each(400)),
            (Part::IdentitySvc, each(50)),
            (Part::Worker, each(300)),
            (Part::Postgres, each(1_500)),
            (Part::Rabbitmq, None),
            (Part::LoadGenerator, each(100)),
        ]),
        rows: rows([
            ("inventory-svc", "stock", [0.0, accepted as f64 / 8.0, 0.0]),
            (
                "order-svc",
                "orders",
                [accepted as f64, accepted as f64, 0.0],
            ),
            ("worker", "mails", [accepted as f64, 0.0, 0.0]),
        ]),
        orders: accepted,
        floor: Some(Run {
            transactions: floor * 2,
            per_second: floor as f64,
            latency_ms: 32_000.0 / floor as f64,
            cpu: Cpu::example([
                (Part::Postgres, Some(3_000 * floor)),
                (Part::Pgbench, Some(400 * floor)),
            ]),
            rows: rows([
                ("inventory-svc", "stock", [0.0, floor as f64 * 2.0, 0.0]),
                (
                    "order-svc",
                    "orders",
                    [floor as f64 * 2.0, floor as f64 * 2.0, 0.0],
                ),
            ]),
            problems: Vec::new(),
        }),
        problems: Vec::new(),
    }
}

pub fn report(change: impl FnOnce(&mut Measured)) -> Report {
    let setup = Setup {
        clients: 32,
        skus: 10_000,
        lines: 1,
        rounds: 3,
        seconds: 2,
        warm_up_seconds: 1,
    };
    let mut measured = Measured {
        rounds: vec![
            round(1, 1_000, 800),
            round(2, 1_500, 1_000),
            round(3, 1_250, 1_000),
        ],
        alone: rows([
            ("inventory-svc", "stock", [0.0, 1.0, 0.0]),
            ("order-svc", "orders", [1.0, 1.0, 0.0]),
            ("worker", "mails", [1.0, 0.0, 0.0]),
        ]),
    };
    change(&mut measured);
    Report::new(Machine::example(), setup, measured).unwrap()
}

#[test]
fn what_is_sustained_counts_the_time_until_all_is_confirmed() {
    let report = report(|_| {});
    let (system, floor) = (&report.system, report.floor.as_ref().unwrap());
    let spread = |median, min, max| Spread { median, min, max };
    assert_eq!(system.accepted, 3_750);
    assert_eq!(system.accepted_per_second, spread(620.0, 495.0, 745.0));
    assert_eq!(system.sustained_per_second, spread(500.0, 400.0, 600.0));
    assert_eq!(
        floor.transactions_per_second,
        spread(1_000.0, 800.0, 1_000.0)
    );
    // Of each round, not of the medians.
    assert_eq!(report.sustained_over_floor, Some(spread(0.5, 0.5, 0.6)));
    assert_eq!(report.problems, Vec::<String>::new());
}

#[test]
fn processor_time_is_that_of_each_order() {
    let report = report(|_| {});
    let near = |share: Option<f64>, ms: f64| (share.unwrap() - ms).abs() < 1e-6;
    let system = &report.system.cpu_ms_per_order;
    assert!(near(system[&Part::Postgres], 1.5));
    assert!(near(system[&Part::Worker], 0.3));
    assert_eq!(system[&Part::Rabbitmq], None);
    let floor = &report.floor.as_ref().unwrap().cpu_ms_per_transaction;
    assert!(near(floor[&Part::Postgres], 1.5));
    assert!(near(floor[&Part::Pgbench], 0.2));
}

#[test]
fn rows_are_those_of_each_order_and_of_each_transaction() {
    let report = report(|_| {});
    let stock = &report.rows_per_order[0];
    assert_eq!(stock.table.table, "stock");
    assert_eq!(stock.alone.updated, 1.0);
    assert_eq!(stock.under_load.updated, 0.125);
    assert_eq!(stock.floor.unwrap().updated, 1.0);
}

#[test]
fn without_a_pgbench_there_is_no_ratio_and_nothing_amiss() {
    let report = report(|measured| {
        for round in &mut measured.rounds {
            round.floor = None;
        }
    });
    assert!(report.floor.is_none());
    assert_eq!(report.sustained_over_floor, None);
    assert_eq!(report.problems, Vec::<String>::new());
}

#[test]
fn a_round_that_miscounts_and_a_floor_that_writes_something_else_are_problems() {
    let report = report(|measured| {
        measured.rounds[0]
            .problems
            .push("3 accepted, 4 there".to_owned());
        measured.rounds[1].tally.accepted = 0;
        let floor = measured.rounds[2].floor.as_mut().unwrap();
        floor.problems.push("2 transactions failed".to_owned());
        measured.alone = rows([
            ("inventory-svc", "stock", [0.0, 1.0, 0.0]),
            ("order-svc", "orders", [1.0, 2.0, 0.0]),
        ]);
    });
    assert_eq!(
        report.problems,
        [
            "round 1: 3 accepted, 4 there",
            "round 2: no order was accepted",
            "round 3: 2 transactions failed",
            "order-svc, orders: an order writes 1.00 + 2.00 rows, the floor's transaction 1.00 + 1.00",
        ]
    );
}
