use super::*;
use crate::bench::cpu::Part;

fn round(way: &str, round: u32, in_time: u64, transactions: u64) -> Measured {
    let mut latency = Histogram::new(3).unwrap();
    latency.record_n(1_500, in_time).unwrap();
    latency.record(250_000).unwrap();
    Measured {
        way: way.to_owned(),
        round,
        seconds: 2.0,
        tally: Tally {
            accepted: in_time + 1,
            in_time,
            latency,
            took: Duration::from_secs(2),
            ..Tally::new().unwrap()
        },
        transactions,
        cpu: Cpu::example([
            (Part::InventorySvc, Some(100 * (in_time + 1))),
            (Part::Postgres, Some(400 * (in_time + 1))),
            (Part::Rabbitmq, None),
            (Part::LoadGenerator, Some(25 * (in_time + 1))),
        ]),
        unpublished: 7,
        drain: Duration::from_millis(300),
        problems: Vec::new(),
    }
}

pub fn report(change: impl FnOnce(&mut Vec<Measured>)) -> Report {
    let machine = Machine::example();
    let setup = Setup {
        callers: 256,
        connections: 4,
        skus: 1,
        zipf: 0.0,
        lines: 1,
        rounds: 3,
        seconds: 2,
        warm_up_seconds: 1,
    };
    let mut rounds = vec![
        round("plain", 1, 1_600, 1_601),
        round("batched", 1, 32_000, 640),
        round("plain", 2, 2_000, 2_001),
        round("batched", 2, 30_000, 600),
        round("plain", 3, 1_000, 1_001),
        round("batched", 3, 40_000, 800),
    ];
    change(&mut rounds);
    Report::new(machine, setup, rounds).unwrap()
}

#[test]
fn the_ratio_is_that_of_the_medians_and_its_bounds_are_the_widest() {
    let report = report(|_| {});
    let ratio = report.batched_over_plain.unwrap();
    assert_eq!((ratio.median, ratio.min, ratio.max), (20.0, 15.0, 40.0));
    let [plain, batched] = &*report.ways else {
        panic!("two ways");
    };
    assert_eq!(
        plain.accepted_per_second,
        Spread {
            median: 800.0,
            min: 500.0,
            max: 1_000.0
        }
    );
    assert_eq!(plain.reservations_per_transaction, Some(1.0));
    assert!((batched.reservations_per_transaction.unwrap() - 50.0).abs() < 0.01);
    assert_eq!(batched.accepted, 102_003);
    let cpu = &plain.cpu_us_per_reservation;
    assert!((cpu[&Part::Postgres].unwrap() - 400.0).abs() < 1e-6);
    assert_eq!(cpu[&Part::Rabbitmq], None);
    assert!(report.problems.is_empty());
}

#[test]
fn one_way_alone_has_no_ratio_and_the_median_of_two_lies_between_them() {
    let report = report(|rounds| rounds.retain(|round| round.way == "plain" && round.round < 3));
    assert_eq!(report.batched_over_plain, None);
    assert_eq!(report.ways[0].accepted_per_second.median, 900.0);
}

#[test]
fn a_round_that_miscounts_or_grants_nothing_is_a_problem() {
    let report = report(|rounds| {
        rounds[0].problems.push("3 granted, 4 there".to_owned());
        rounds[3].tally.accepted = 0;
    });
    assert_eq!(
        report.problems,
        [
            "plain, round 1: 3 granted, 4 there",
            "batched, round 2: nothing was granted"
        ]
    );
}
