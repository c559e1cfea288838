//! What was measured, in figures.

use std::{collections::BTreeMap, time::Duration};

use hdrhistogram::Histogram;
use serde::Serialize;

use super::{cpu::Cpu, database::Settings, fsync::Fsync, load::Tally};

/// See the module's documentation.
#[derive(Debug, Serialize)]
pub struct Report {
    pub machine: Machine,
    pub setup: Setup,
    /// One for each way of writing.
    pub ways: Vec<Way>,
    /// How many times as many reservations a second batched as plain; none if one of them was not measured.
    pub batched_over_plain: Option<Spread>,
    pub rounds: Vec<Round>,
    /// Why the exit status is 1; empty when all is well.
    pub problems: Vec<String>,
}

/// What it was measured on.
#[derive(Debug, Serialize)]
pub struct Machine {
    pub cores: usize,
    /// A release build.
    pub optimised: bool,
    pub postgres: Settings,
    /// None where nobody could say.
    pub fsync: Option<Fsync>,
}

/// What was asked for.
#[derive(Debug, Serialize)]
pub struct Setup {
    pub callers: usize,
    pub connections: usize,
    pub skus: usize,
    pub zipf: f64,
    pub lines: usize,
    pub rounds: u32,
    pub seconds: u32,
    pub warm_up_seconds: u32,
}

/// A round as it was measured.
pub struct Measured {
    pub way: String,
    pub round: u32,
    pub seconds: f64,
    pub tally: Tally,
    /// Committed in the database, whatever for.
    pub transactions: u64,
    /// Until the last event of the round was published.
    pub cpu: Cpu,
    /// Events not yet published at the end of the load.
    pub unpublished: i64,
    /// How long it took to publish them.
    pub drain: Duration,
    pub problems: Vec<String>,
}

impl Measured {
    /// Of all that the round asked for, also what was answered after it.
    fn transactions_per_second(&self) -> f64 {
        self.transactions as f64 / self.tally.took.as_secs_f64().max(self.seconds)
    }

    /// Reservations answered within the round, each second.
    pub fn per_second(&self) -> f64 {
        self.tally.in_time as f64 / self.seconds
    }
}

/// One round.
#[derive(Debug, Serialize)]
pub struct Round {
    pub way: String,
    pub round: u32,
    /// Reservations granted, the last answers included.
    pub accepted: u64,
    pub accepted_per_second: f64,
    pub latency_ms: Latency,
    pub transactions: u64,
    pub transactions_per_second: f64,
    /// None when there was no transaction.
    pub reservations_per_transaction: Option<f64>,
    pub cpu_us_per_reservation: CpuShares,
    pub unpublished_events: i64,
    pub drain_seconds: f64,
    pub errors: BTreeMap<String, u64>,
}

/// All rounds of a way of writing.
#[derive(Debug, Serialize)]
pub struct Way {
    pub way: String,
    pub accepted: u64,
    pub accepted_per_second: Spread,
    /// Of all rounds' reservations together.
    pub latency_ms: Latency,
    pub transactions_per_second: Spread,
    pub reservations_per_transaction: Option<f64>,
    pub cpu_us_per_reservation: CpuShares,
    /// The most that waited at the end of a round.
    pub unpublished_events: i64,
    pub errors: BTreeMap<String, u64>,
}

/// The median of the rounds, the least and the most.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Spread {
    pub median: f64,
    pub min: f64,
    pub max: f64,
}

impl Spread {
    fn of(mut values: Vec<f64>) -> Self {
        values.sort_by(f64::total_cmp);
        let at = |index: usize| values.get(index).copied().unwrap_or_default();
        let last = values.len().saturating_sub(1);
        Self {
            median: f64::midpoint(at(last / 2), at(values.len() / 2)),
            min: at(0),
            max: at(last),
        }
    }

    /// From the worst round of these over the best of those to the other way round.
    fn over(self, other: Self) -> Option<Self> {
        (other.min > 0.0).then(|| Self {
            median: self.median / other.median,
            min: self.min / other.max,
            max: self.max / other.min,
        })
    }
}

/// Milliseconds from a request to its answer, of reservations granted.
#[derive(Debug, Serialize)]
pub struct Latency {
    pub p50: f64,
    pub p95: f64,
    pub p99: f64,
    pub max: f64,
}

impl Latency {
    fn of(latency: &Histogram<u64>) -> Self {
        let ms = |microseconds: u64| microseconds as f64 / 1000.0;
        let at = |quantile| ms(latency.value_at_quantile(quantile));
        Self {
            p50: at(0.50),
            p95: at(0.95),
            p99: at(0.99),
            max: ms(latency.max()),
        }
    }
}

/// Microseconds of processor time for each reservation granted; none where it cannot be seen.
#[derive(Debug, Serialize)]
pub struct CpuShares {
    pub inventory_svc: Option<f64>,
    pub postgres: Option<f64>,
    pub rabbitmq: Option<f64>,
    pub load_generator: Option<f64>,
}

impl CpuShares {
    fn of(rounds: &[&Measured]) -> Self {
        let accepted: u64 = rounds.iter().map(|round| round.tally.accepted).sum();
        let share = |part: fn(&Cpu) -> Option<Duration>| {
            let spent: Duration = rounds
                .iter()
                .map(|round| part(&round.cpu))
                .sum::<Option<Duration>>()?;
            (accepted > 0).then(|| spent.as_secs_f64() * 1e6 / accepted as f64)
        };
        Self {
            inventory_svc: share(|cpu| cpu.inventory_svc),
            postgres: share(|cpu| cpu.postgres),
            rabbitmq: share(|cpu| cpu.rabbitmq),
            load_generator: share(|cpu| cpu.load_generator),
        }
    }
}

impl Report {
    /// # Errors
    /// Never, as long as all histograms are of one kind.
    pub fn new(machine: Machine, setup: Setup, measured: Vec<Measured>) -> anyhow::Result<Self> {
        let mut names: Vec<&str> = Vec::new();
        for round in &measured {
            if !names.contains(&round.way.as_str()) {
                names.push(&round.way);
            }
        }
        let ways = names
            .into_iter()
            .map(|name| {
                let rounds: Vec<&Measured> =
                    measured.iter().filter(|round| round.way == name).collect();
                way(name, &rounds)
            })
            .collect::<anyhow::Result<Vec<Way>>>()?;
        let speed = |name| {
            let way = ways.iter().find(|way| way.way == name)?;
            Some(way.accepted_per_second)
        };
        let batched_over_plain = speed("batched").and_then(|batched| batched.over(speed("plain")?));
        let mut problems = Vec::new();
        for round in &measured {
            let name = format!("{}, round {}", round.way, round.round);
            if round.tally.accepted == 0 {
                problems.push(format!("{name}: nothing was granted"));
            }
            problems.extend(
                round
                    .problems
                    .iter()
                    .map(|problem| format!("{name}: {problem}")),
            );
        }
        Ok(Self {
            machine,
            setup,
            ways,
            batched_over_plain,
            rounds: measured.iter().map(Round::of).collect(),
            problems,
        })
    }
}

fn way(name: &str, rounds: &[&Measured]) -> anyhow::Result<Way> {
    let mut latency = Histogram::<u64>::new(3)?;
    let mut errors = BTreeMap::new();
    for round in rounds {
        latency.add(&round.tally.latency)?;
        for (kind, count) in &round.tally.errors {
            *errors.entry(kind.clone()).or_default() += count;
        }
    }
    let accepted = rounds.iter().map(|round| round.tally.accepted).sum();
    let transactions = rounds.iter().map(|round| round.transactions).sum();
    let spread =
        |value: fn(&Measured) -> f64| Spread::of(rounds.iter().map(|round| value(round)).collect());
    Ok(Way {
        way: name.to_owned(),
        accepted,
        accepted_per_second: spread(Measured::per_second),
        latency_ms: Latency::of(&latency),
        transactions_per_second: spread(Measured::transactions_per_second),
        reservations_per_transaction: ratio(accepted, transactions),
        cpu_us_per_reservation: CpuShares::of(rounds),
        unpublished_events: rounds
            .iter()
            .map(|round| round.unpublished)
            .max()
            .unwrap_or_default(),
        errors,
    })
}

impl Round {
    fn of(measured: &Measured) -> Self {
        let tally = &measured.tally;
        Self {
            way: measured.way.clone(),
            round: measured.round,
            accepted: tally.accepted,
            accepted_per_second: measured.per_second(),
            latency_ms: Latency::of(&tally.latency),
            transactions: measured.transactions,
            transactions_per_second: measured.transactions_per_second(),
            reservations_per_transaction: ratio(tally.accepted, measured.transactions),
            cpu_us_per_reservation: CpuShares::of(&[measured]),
            unpublished_events: measured.unpublished,
            drain_seconds: measured.drain.as_secs_f64(),
            errors: tally.errors.clone(),
        }
    }
}

fn ratio(accepted: u64, transactions: u64) -> Option<f64> {
    (transactions > 0).then(|| accepted as f64 / transactions as f64)
}

#[cfg(test)]
#[path = "report_tests.rs"]
pub mod tests;
