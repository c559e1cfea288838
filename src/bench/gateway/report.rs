//! What was measured, in figures.

use std::{collections::BTreeMap, time::Duration};

use hdrhistogram::Histogram;
use serde::Serialize;

use super::{
    lab::{Answered, Measured, OVERLOADS, Overloaded, Paced, per_second},
    targets::{DIRECT, GATEWAY, GATEWAY_CACHED, GATEWAY_LOGGED, NGINX, NGINX_EQUAL},
};
use crate::bench::{
    cpu::{Part, Shares, shares},
    figures::Spread,
    load::Tally,
    machine::Machine,
    pace::NO_CLIENT_FREE,
};

/// What is compared, and what the ratio should be at least.
const RATIOS: [(&str, &str, Option<f64>); 5] = [
    (GATEWAY, DIRECT, Some(0.60)),
    (GATEWAY_CACHED, DIRECT, None),
    (GATEWAY_LOGGED, DIRECT, None),
    (GATEWAY, NGINX, Some(0.80)),
    (GATEWAY_LOGGED, NGINX_EQUAL, None),
];
/// What goodput should be at least, whatever comes, for each of the peak.
const GOODPUT: f64 = 0.80;

/// See the module's documentation.
#[derive(Debug, Serialize)]
pub struct Report {
    pub machine: Machine,
    pub setup: Setup,
    pub targets: Vec<Target>,
    /// Of the peaks, round by round.
    pub ratios: Vec<Ratio>,
    pub overload: Vec<Overload>,
    /// Why the exit status is 1; empty when all is well.
    pub problems: Vec<String>,
}

/// What was asked for.
#[derive(Debug, Serialize)]
pub struct Setup {
    pub connections: usize,
    pub skus: usize,
    pub rounds: u32,
    pub seconds: f64,
    /// None where everybody ran everywhere.
    pub cores: Option<Cores>,
}

/// Who ran where.
#[derive(Debug, Serialize)]
pub struct Cores {
    pub generator: String,
    pub servers: String,
    /// Whether PostgreSQL was among the servers.
    pub postgres: bool,
}

/// One who answers.
#[derive(Debug, Serialize)]
pub struct Target {
    pub target: &'static str,
    pub peak_per_second: Spread,
    /// At the peak.
    pub cpu_us_per_request: Shares,
    /// Parts of one core that were busy at the peak.
    pub servers_busy: f64,
    pub generator_busy: f64,
    pub at_half_of_its_peak: AtRate,
    pub at_one_rate_for_all: AtRate,
    /// At one rate for all, against the service itself.
    pub p99_added_ms: f64,
}

/// By the clock. Medians of the rounds.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct AtRate {
    pub per_second: f64,
    pub p50_ms: f64,
    pub p99_ms: f64,
}

#[derive(Debug, Serialize)]
pub struct Ratio {
    pub of: &'static str,
    pub over: &'static str,
    pub ratio: Spread,
    /// What the median should be at least.
    pub aim: Option<f64>,
}

/// The gateway when there is too much to do.
#[derive(Debug, Serialize)]
pub struct Overload {
    pub request: &'static str,
    pub peak_per_second: Spread,
    pub loads: Vec<Load>,
}

#[derive(Debug, Serialize)]
pub struct Load {
    /// For each of the peak.
    pub times: u32,
    /// That came.
    pub per_second: f64,
    /// That were granted in time.
    pub goodput_per_second: Spread,
    pub goodput_over_peak: f64,
    pub aim: f64,
    pub refused: u64,
    /// When they were due, all clients waited for answers.
    pub unsent: u64,
    /// Medians of the rounds.
    pub granted_p99_ms: f64,
    pub refused_p99_ms: f64,
}

impl Report {
    pub fn new(machine: Machine, setup: Setup, measured: Measured) -> Self {
        let seconds = Duration::from_secs_f64(setup.seconds);
        let mut problems: Vec<String> = measured.targets.iter().flat_map(failures).collect();
        problems.extend(measured.overload.iter().flat_map(failures_under_overload));
        if measured.lost_orders > 0 {
            let lost = measured.lost_orders;
            problems.push(format!(
                "{lost} orders that were acknowledged are not there"
            ));
        }
        let direct = measured.targets.iter().find(|target| target.name == DIRECT);
        let direct = direct.map_or(0.0, |direct| AtRate::of(&direct.common).p99_ms);
        let targets = measured.targets.iter();
        Self {
            machine,
            targets: targets
                .map(|target| Target::of(target, direct, seconds))
                .collect(),
            ratios: RATIOS
                .into_iter()
                .filter_map(|row| Ratio::of(&measured.targets, row))
                .collect(),
            overload: measured
                .overload
                .iter()
                .map(|overloaded| Overload::of(overloaded, seconds))
                .collect(),
            setup,
            problems,
        }
    }
}

/// Nobody was asked for more than they can do, but those at their peak, and these have no more callers than they can serve.
fn failures(answered: &Answered) -> Vec<String> {
    let peak = answered.peak.iter().map(|peak| &peak.tally);
    let paced = answered.half.iter().chain(&answered.common);
    let all: Vec<&Tally> = peak.chain(paced.map(|paced| &paced.tally)).collect();
    problems(answered.name, &all, |_| false)
}

fn failures_under_overload(overloaded: &Overloaded) -> Vec<String> {
    let paced = overloaded.loads.iter().flatten().map(|paced| &paced.tally);
    let all: Vec<&Tally> = overloaded.peak.iter().chain(paced).collect();
    problems(overloaded.request, &all, |kind| {
        is_refusal(kind) || kind == NO_CLIENT_FREE
    })
}

fn problems(name: &str, tallies: &[&Tally], is_expected: impl Fn(&str) -> bool) -> Vec<String> {
    let mut failed: BTreeMap<&str, u64> = BTreeMap::new();
    for (kind, count) in tallies.iter().flat_map(|tally| &tally.errors) {
        *failed.entry(kind).or_default() += count;
    }
    let mut problems: Vec<String> = failed
        .into_iter()
        .filter(|(kind, _)| !is_expected(kind))
        .map(|(kind, count)| format!("{name}: {count} requests failed: {kind}"))
        .collect();
    if tallies.iter().any(|tally| tally.accepted == 0) {
        problems.push(format!("{name}: a load of which nothing was granted"));
    }
    problems
}

/// What a gateway that has too much to do answers.
fn is_refusal(kind: &str) -> bool {
    kind.starts_with("503")
}

/// In milliseconds, of the rounds.
fn median<'a>(histograms: impl Iterator<Item = &'a Histogram<u64>>, quantile: f64) -> f64 {
    let at = |histogram: &Histogram<u64>| histogram.value_at_quantile(quantile) as f64 / 1e3;
    Spread::of(histograms.map(at).collect()).median
}

impl AtRate {
    fn of(rounds: &[Paced]) -> Self {
        let latency = || rounds.iter().map(|paced| &paced.tally.latency);
        Self {
            per_second: rounds.first().map_or(0.0, |paced| paced.per_second),
            p50_ms: median(latency(), 0.50),
            p99_ms: median(latency(), 0.99),
        }
    }
}

impl Target {
    fn of(answered: &Answered, direct_p99_ms: f64, seconds: Duration) -> Self {
        let peak = &answered.peak;
        let time: Duration = peak.iter().map(|peak| peak.tally.took).sum();
        let busy = |parts: fn(Part) -> bool| {
            let spent: Duration = peak.iter().map(|peak| peak.cpu.total(parts)).sum();
            spent.as_secs_f64() / time.as_secs_f64()
        };
        let common = AtRate::of(&answered.common);
        Self {
            target: answered.name,
            peak_per_second: answered.peak_per_second(seconds),
            cpu_us_per_request: shares(
                peak.iter().map(|peak| &peak.cpu),
                peak.iter().map(|peak| peak.tally.accepted).sum(),
                1e6,
            ),
            servers_busy: busy(|part| part != Part::LoadGenerator),
            generator_busy: busy(|part| part == Part::LoadGenerator),
            at_half_of_its_peak: AtRate::of(&answered.half),
            at_one_rate_for_all: common,
            p99_added_ms: common.p99_ms - direct_p99_ms,
        }
    }
}

impl Ratio {
    /// None if either was not measured.
    fn of(
        targets: &[Answered],
        (of, over, aim): (&'static str, &'static str, Option<f64>),
    ) -> Option<Self> {
        let find = |name| targets.iter().find(|target| target.name == name);
        let rounds = find(of)?.peak.iter().zip(&find(over)?.peak);
        let ratio = Spread::of(
            rounds
                .filter(|(_, over)| over.tally.in_time > 0)
                .map(|(of, over)| of.tally.in_time as f64 / over.tally.in_time as f64)
                .collect(),
        );
        Some(Self {
            of,
            over,
            ratio,
            aim,
        })
    }
}

impl Overload {
    fn of(overloaded: &Overloaded, seconds: Duration) -> Self {
        let peak = per_second(overloaded.peak.iter(), seconds);
        let loads = OVERLOADS.into_iter().zip(&overloaded.loads);
        Self {
            request: overloaded.request,
            peak_per_second: peak,
            loads: loads
                .map(|(times, rounds)| Load::of(times, rounds, peak.median, seconds))
                .collect(),
        }
    }
}

impl Load {
    fn of(times: u32, rounds: &[Paced], peak: f64, seconds: Duration) -> Self {
        let tallies = || rounds.iter().map(|paced| &paced.tally);
        let goodput = per_second(tallies(), seconds);
        let errors = |is: fn(&str) -> bool| {
            let all = tallies().flat_map(|tally| &tally.errors);
            all.filter(|(kind, _)| is(kind))
                .map(|(_, count)| count)
                .sum()
        };
        Self {
            times,
            per_second: Spread::of(rounds.iter().map(|paced| paced.per_second).collect()).median,
            goodput_per_second: goodput,
            goodput_over_peak: if peak > 0.0 {
                goodput.median / peak
            } else {
                0.0
            },
            aim: GOODPUT,
            refused: errors(is_refusal),
            unsent: errors(|kind| kind == NO_CLIENT_FREE),
            granted_p99_ms: median(tallies().map(|tally| &tally.latency), 0.99),
            refused_p99_ms: median(tallies().map(|tally| &tally.refusal), 0.99),
        }
    }
}

#[cfg(test)]
#[path = "report_tests.rs"]
pub mod tests;
