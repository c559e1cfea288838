//! What was measured, in figures.

use std::{collections::BTreeMap, time::Duration};

use hdrhistogram::Histogram;
use serde::Serialize;

use crate::bench::{
    cpu::{Cpu, Shares, shares},
    figures::{Latency, Spread, ratio},
    load::Tally,
    machine::Machine,
};

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
    /// None where it cannot be seen.
    pub cpu_us_per_reservation: Shares,
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
    /// None where it cannot be seen.
    pub cpu_us_per_reservation: Shares,
    /// The most that waited at the end of a round.
    pub unpublished_events: i64,
    pub errors: BTreeMap<String, u64>,
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
        cpu_us_per_reservation: cpu_us(rounds),
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
            cpu_us_per_reservation: cpu_us(&[measured]),
            unpublished_events: measured.unpublished,
            drain_seconds: measured.drain.as_secs_f64(),
            errors: tally.errors.clone(),
        }
    }
}

/// Of each reservation that was granted.
fn cpu_us(rounds: &[&Measured]) -> Shares {
    let accepted = rounds.iter().map(|round| round.tally.accepted).sum();
    shares(rounds.iter().map(|round| &round.cpu), accepted, 1e6)
}

#[cfg(test)]
#[path = "report_tests.rs"]
pub mod tests;
