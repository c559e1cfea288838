use std::time::Duration;

use super::*;
use crate::bench::{cpu::Cpu, gateway::targets::GATEWAY_LIMITED};

const SECONDS: Duration = Duration::from_secs(2);

fn tally(granted: u64, micros: &[u64]) -> Tally {
    let mut tally = Tally::new().unwrap();
    (tally.accepted, tally.in_time, tally.took) = (granted, granted, SECONDS);
    for micros in micros {
        tally.latency.record(*micros).unwrap();
    }
    tally
}

fn paced(per_second: f64, granted: u64, micros: &[u64]) -> Round {
    Round {
        per_second: Some(per_second),
        tally: tally(granted, micros),
        cpu: Cpu::example([
            (Part::Gateway, Some(800_000)),
            (Part::InventorySvc, Some(900_000)),
            (Part::LoadGenerator, Some(500_000)),
        ]),
    }
}

fn peak(granted: u64, cpu: Cpu) -> Round {
    Round {
        per_second: None,
        tally: tally(granted, &[3_000]),
        cpu,
    }
}

/// Three rounds, of which each answered so many thousand requests in two seconds.
fn answered(name: &'static str, thousands: [u64; 3], part: Option<Part>, p99: u64) -> Answered {
    let cpu = || {
        let services = [
            (Part::InventorySvc, Some(600_000)),
            (Part::Postgres, None),
            (Part::LoadGenerator, Some(500_000)),
        ];
        let mut spent = Cpu::example(services);
        if let Some(part) = part {
            spent = Cpu::example([
                services[0],
                services[1],
                services[2],
                (part, Some(1_200_000)),
            ]);
        }
        spent
    };
    Answered {
        name,
        peak: thousands
            .map(|thousands| peak(thousands * 1_000, cpu()))
            .into(),
        half: vec![paced(2_000.0, 4_000, &[700, p99 * 2])],
        common: [p99, p99 * 9, p99 / 2]
            .map(|p99| paced(1_500.0, 3_000, &[500, p99]))
            .into(),
    }
}

/// A measurement, changed.
pub fn report(change: impl FnOnce(&mut Measured)) -> Report {
    let mut overloaded = paced(12_000.0, 7_200, &[9_000]);
    let errors = &mut overloaded.tally.errors;
    errors.insert("503 overloaded".to_owned(), 16_000);
    errors.insert(NO_CLIENT_FREE.to_owned(), 800);
    overloaded.tally.refusal.record(4_000).unwrap();
    let mut measured = Measured {
        targets: vec![
            answered(DIRECT, [10, 12, 8], None, 1_000),
            answered(GATEWAY, [8, 6, 4], Some(Part::Gateway), 1_400),
            answered(GATEWAY_LIMITED, [7, 6, 4], Some(Part::Gateway), 1_500),
            answered(NGINX, [8, 10, 8], Some(Part::Nginx), 1_200),
        ],
        overload: vec![Overloaded {
            request: "GET /v1/products/{sku}",
            peak: vec![peak(8_000, Cpu::default())],
            loads: vec![vec![paced(4_000.0, 7_900, &[2_000])], vec![overloaded]],
        }],
        lost_orders: 0,
    };
    change(&mut measured);
    let setup = Setup {
        connections: 32,
        skus: 100,
        rounds: 3,
        seconds: SECONDS.as_secs_f64(),
        cores: Some(Cores {
            generator: "0".to_owned(),
            servers: "1".to_owned(),
            postgres: true,
        }),
    };
    Report::new(Machine::example(), setup, measured)
}

fn is_about(value: f64, expected: f64) -> bool {
    (value / expected - 1.0).abs() < 1e-3
}

#[test]
fn peaks_are_compared_round_by_round() {
    let report = report(|_| {});
    let rates: Vec<f64> = report
        .targets
        .iter()
        .map(|target| target.peak_per_second.median)
        .collect();
    assert_eq!(rates, [5_000.0, 3_000.0, 3_000.0, 4_000.0]);
    let ratio = |of, over| {
        let mut ratios = report.ratios.iter();
        ratios.find(|ratio| (ratio.of, ratio.over) == (of, over))
    };
    let to_direct = ratio(GATEWAY, DIRECT).unwrap();
    assert_eq!(
        to_direct.ratio,
        Spread {
            median: 0.5,
            min: 0.5,
            max: 0.8
        }
    );
    assert_eq!(to_direct.aim, Some(0.60));
    assert_eq!(ratio(GATEWAY, NGINX).unwrap().ratio.median, 0.6);
    // Nobody has measured it.
    assert!(ratio(GATEWAY_LOGGED, NGINX_EQUAL).is_none());
    assert_eq!(report.problems, Vec::<String>::new());
}

#[test]
fn processor_time_is_told_for_each_request_and_of_each_core() {
    let report = report(|_| {});
    let gateway = &report.targets[1];
    // 18,000 requests in 6 s.
    let us = |part| gateway.cpu_us_per_request[&part];
    assert_eq!(us(Part::Gateway), Some(200.0));
    assert_eq!(us(Part::InventorySvc), Some(100.0));
    assert_eq!(us(Part::Postgres), None);
    assert!(is_about(gateway.servers_busy, 0.9));
    assert!(is_about(gateway.generator_busy, 0.25));
}

#[test]
fn latencies_are_medians_of_the_rounds_and_those_at_one_rate_are_compared() {
    let report = report(|_| {});
    let gateway = &report.targets[1];
    assert!(is_about(gateway.at_half_of_its_peak.p99_ms, 2.8));
    assert!(is_about(gateway.at_one_rate_for_all.p50_ms, 0.5));
    assert!(is_about(gateway.at_one_rate_for_all.p99_ms, 1.4));
    assert!(is_about(gateway.p99_added_ms, 0.4));
    assert_eq!(report.targets[0].p99_added_ms, 0.0);
}

#[test]
fn goodput_is_set_against_the_peak() {
    let report = report(|_| {});
    let [once, thrice] = report.overload[0].loads.as_slice() else {
        panic!("{:#?}", report.overload);
    };
    assert_eq!((once.times, thrice.times), (1, 3));
    assert!(is_about(once.goodput_over_peak, 0.9875));
    assert!(is_about(thrice.goodput_over_peak, 0.9));
    assert_eq!((thrice.refused, thrice.unsent), (16_000, 800));
    assert!(is_about(thrice.refused_p99_ms, 4.0));
    assert!(is_about(thrice.granted_p99_ms, 9.0));
    assert!(is_about(thrice.gateway_busy, 0.4));
    assert!(is_about(thrice.servers_busy, 0.85));
    assert!(is_about(thrice.generator_busy, 0.25));
}

#[test]
fn a_server_that_was_held_up_for_a_moment_is_told_and_no_failure() {
    let report = report(|measured| {
        fail(&mut measured.targets[2].half[0], "503 overloaded");
        fail(&mut measured.targets[2].half[0], NO_CLIENT_FREE);
    });
    assert_eq!(report.targets[2].at_half_of_its_peak.not_granted, 2);
    assert_eq!(report.problems, Vec::<String>::new());
}

fn fail(round: &mut Round, kind: &str) {
    round.tally.errors.insert(kind.to_owned(), 1);
}

#[test]
fn whatever_failed_otherwise_is_a_problem() {
    type Spoil = fn(&mut Measured);
    let spoils: [Spoil; 6] = [
        |measured| measured.lost_orders = 1,
        |measured| measured.targets[0].peak[1].tally.accepted = 0,
        |measured| measured.overload[0].loads[1][0].tally.accepted = 0,
        |measured| fail(&mut measured.targets[2].peak[0], "503 overloaded"),
        |measured| fail(&mut measured.targets[2].common[0], "500 internal"),
        |measured| fail(&mut measured.overload[0].loads[1][0], "a broken connection"),
    ];
    for (index, spoil) in spoils.into_iter().enumerate() {
        let report = report(spoil);
        assert_eq!(report.problems.len(), 1, "{index}: {:?}", report.problems);
        let text = report.to_string();
        assert!(text.contains("NOT all is well"), "{text}");
    }
}
