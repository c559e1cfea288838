use std::{collections::BTreeMap, time::Duration};

use hdrhistogram::Histogram;
use order_svc::Rebuilt;
use uuid::Uuid;

use super::*;
use crate::bench::{load::Tally, reads::busy::Outcome};

fn histogram(micros: &[u64]) -> Histogram<u64> {
    let mut histogram = Histogram::new(3).unwrap();
    micros
        .iter()
        .for_each(|micros| histogram.record(*micros).unwrap());
    histogram
}

fn asked(name: &'static str, callers: usize, limit: Option<f64>, micros: &[u64]) -> Asked {
    let mut tally = Tally::new().unwrap();
    tally.accepted = micros.len() as u64;
    tally.latency = histogram(micros);
    Asked {
        name,
        callers,
        limit,
        tally,
    }
}

/// A measurement, changed.
pub fn report(change: impl FnOnce(&mut Measured)) -> Report {
    let phase = |name, micros: &[u64]| busy::Phase {
        name,
        latency: histogram(micros),
    };
    let mut measured = Measured {
        small: vec![
            asked("an order", 1, Some(1.5), &[1_000, 1_000, 2_000]),
            asked("list, first page", 8, Some(1.5), &[2_000, 2_000, 4_000]),
            asked("list, two words", 8, None, &[2_000]),
        ],
        large: vec![
            asked("an order", 1, Some(1.5), &[1_200, 1_200, 2_000]),
            asked("list, first page", 8, Some(1.5), &[4_000, 4_000, 4_000]),
            asked("list, two words", 8, None, &[9_000]),
        ],
        rebuilding: Some(Rebuilding {
            rate: 50,
            lasted: Duration::from_secs(100),
            outcome: Outcome {
                phases: vec![
                    phase("before", &[9_000, 12_000]),
                    phase("orders", &[9_000, 50_000]),
                ],
                errors: BTreeMap::new(),
                placed: vec![Uuid::nil(); 5_000],
                reads: 7_000,
            },
            rebuilt: vec![Rebuilt {
                view: order_svc::View::Orders,
                orders: 1_000_000,
                lasted: Duration::from_secs(80),
                locked: Duration::from_millis(12),
            }],
            missing: 0,
            audited: Duration::from_secs(30),
            amiss: Vec::new(),
        }),
    };
    change(&mut measured);
    let setup = Setup {
        small: 10_000,
        large: 1_000_000,
        rounds: 3,
        seconds: 2.0,
    };
    Report::new(Machine::example(), setup, measured)
}

#[test]
fn ratios_are_those_of_the_medians() {
    let report = report(|_| {});
    let ratios: Vec<f64> = report
        .reads
        .iter()
        .map(|read| (read.median_ratio.unwrap() * 100.0).round())
        .collect();
    assert_eq!(ratios, [120.0, 200.0, 450.0]);
    let within: Vec<Option<bool>> = report.reads.iter().map(Read::is_within).collect();
    assert_eq!(within, [Some(true), Some(false), None]);
    assert_eq!(report.problems, Vec::<String>::new());
}

#[test]
fn whatever_failed_or_is_missing_is_a_problem() {
    type Spoil = fn(&mut Measured);
    let spoils: [Spoil; 6] = [
        |measured| {
            let errors = &mut measured.large[0].tally.errors;
            errors.insert("503 unavailable".to_owned(), 3);
        },
        |measured| measured.small[1].tally.accepted = 0,
        |measured| {
            let errors = &mut rebuilding(measured).outcome.errors;
            errors.insert("reading /v1/orders: 404 not-found".to_owned(), 1);
        },
        |measured| rebuilding(measured).missing = 1,
        |measured| rebuilding(measured).outcome.reads = 0,
        |measured| rebuilding(measured).amiss.push("order-totals".to_owned()),
    ];
    for (index, spoil) in spoils.into_iter().enumerate() {
        let report = report(spoil);
        assert_eq!(report.problems.len(), 1, "{index}: {:?}", report.problems);
        let text = report.to_string();
        assert!(text.contains("NOT all is well"), "{text}");
    }
}

fn rebuilding(measured: &mut Measured) -> &mut Rebuilding {
    measured.rebuilding.as_mut().unwrap()
}
