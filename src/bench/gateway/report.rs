//! What was measured, in figures.

use std::{collections::BTreeMap, time::Duration};

use hdrhistogram::Histogram;
use serde::Serialize;

use super::{
    lab::{Answered, Measured, OVERLOADS, Overloaded, Round, per_second},
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
    /// Of all rounds; none, unless something else held up a server.
    pub not_granted: u64,
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
    /// Parts of a core, until the last answer.
    pub gateway_busy: f64,
    /// With the gateway.
    pub servers_busy: f64,
    pub generator_busy: f64,
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

/// So few callers are never too many.
fn failures(answered: &Answered) -> Vec<String> {
    let mut problems = problems(answered.name, &answered.peak, |_| false);
    let paced = answered.half.iter().chain(&answered.common);
    problems.extend(self::problems(answered.name, paced, is_too_much));
    problems
}

fn failures_under_overload(overloaded: &Overloaded) -> Vec<String> {
    let mut problems = problems(overloaded.request, &overloaded.peak, |_| false);
    let paced = overloaded.loads.iter().flatten();
    problems.extend(self::problems(overloaded.request, paced, is_too_much));
    problems
}

fn problems<'a>(
    name: &str,
    rounds: impl IntoIterator<Item = &'a Round>,
    is_expected: impl Fn(&str) -> bool,
) -> Vec<String> {
    let mut failed: BTreeMap<&str, u64> = BTreeMap::new();
    let mut is_any_idle = false;
    for Round { tally, .. } in rounds {
        is_any_idle |= tally.accepted == 0;
        for (kind, count) in &tally.errors {
            *failed.entry(kind).or_default() += count;
        }
    }
    let mut problems: Vec<String> = failed
        .into_iter()
        .filter(|(kind, _)| !is_expected(kind))
        .map(|(kind, count)| format!("{name}: {count} requests failed: {kind}"))
        .collect();
    if is_any_idle {
        problems.push(format!("{name}: a load of which nothing was granted"));
    }
    problems
}

/// What a gateway that has too much to do answers.
fn is_refusal(kind: &str) -> bool {
    kind.starts_with("503")
}

/// What may come of more than can be done: when other work holds a server up for a moment, of less than that, too.
fn is_too_much(kind: &str) -> bool {
    is_refusal(kind) || kind == NO_CLIENT_FREE
}

fn errors(rounds: &[Round], is: impl Fn(&str) -> bool) -> u64 {
    let all = rounds.iter().flat_map(|round| &round.tally.errors);
    all.filter(|(kind, _)| is(kind))
        .map(|(_, count)| count)
        .sum()
}

/// Parts of a core.
fn busy(rounds: &[Round], parts: impl Fn(Part) -> bool) -> f64 {
    let time: Duration = rounds.iter().map(|round| round.tally.took).sum();
    let spent: Duration = rounds.iter().map(|round| round.cpu.total(&parts)).sum();
    spent.as_secs_f64() / time.as_secs_f64()
}

/// In milliseconds, of the rounds.
fn median(rounds: &[Round], of: fn(&Tally) -> &Histogram<u64>, quantile: f64) -> f64 {
    let at = |round: &Round| of(&round.tally).value_at_quantile(quantile) as f64 / 1e3;
    Spread::of(rounds.iter().map(at).collect()).median
}

fn rate(rounds: &[Round]) -> f64 {
    Spread::of(rounds.iter().filter_map(|round| round.per_second).collect()).median
}

impl AtRate {
    fn of(rounds: &[Round]) -> Self {
        Self {
            per_second: rate(rounds),
            p50_ms: median(rounds, |tally| &tally.latency, 0.50),
            p99_ms: median(rounds, |tally| &tally.latency, 0.99),
            not_granted: errors(rounds, is_too_much),
        }
    }
}

impl Target {
    fn of(answered: &Answered, direct_p99_ms: f64, seconds: Duration) -> Self {
        let peak = &answered.peak;
        let common = AtRate::of(&answered.common);
        Self {
            target: answered.name,
            peak_per_second: answered.peak_per_second(seconds),
            cpu_us_per_request: shares(
                peak.iter().map(|round| &round.cpu),
                peak.iter().map(|round| round.tally.accepted).sum(),
                1e6,
            ),
            servers_busy: busy(peak, is_server),
            generator_busy: busy(peak, |part| !is_server(part)),
            at_half_of_its_peak: AtRate::of(&answered.half),
            at_one_rate_for_all: common,
            p99_added_ms: common.p99_ms - direct_p99_ms,
        }
    }
}

fn is_server(part: Part) -> bool {
    part != Part::LoadGenerator
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
        let peak = per_second(&overloaded.peak, seconds);
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
    fn of(times: u32, rounds: &[Round], peak: f64, seconds: Duration) -> Self {
        let goodput = per_second(rounds, seconds);
        Self {
            times,
            per_second: rate(rounds),
            goodput_per_second: goodput,
            goodput_over_peak: if peak > 0.0 {
                goodput.median / peak
            } else {
                0.0
            },
            aim: GOODPUT,
            refused: errors(rounds, is_refusal),
            unsent: errors(rounds, |kind| kind == NO_CLIENT_FREE),
            granted_p99_ms: median(rounds, |tally| &tally.latency, 0.99),
            refused_p99_ms: median(rounds, |tally| &tally.refusal, 0.99),
            gateway_busy: busy(rounds, |part| part == Part::Gateway),
            servers_busy: busy(rounds, is_server),
            generator_busy: busy(rounds, |part| !is_server(part)),
        }
    }
}

#[cfg(test)]
#[path = "report_tests.rs"]
pub mod tests;
