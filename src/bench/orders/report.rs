//! What was measured, in figures.

use std::{collections::BTreeMap, time::Duration};

use hdrhistogram::Histogram;
use serde::Serialize;

use super::{
    floor::Run,
    rows::{Row, Rows, differences, side_by_side},
};
use crate::bench::{
    cpu::{Cpu, Shares, shares},
    figures::{Latency, Spread},
    load::Tally,
    machine::Machine,
    settle::Settled,
};

/// See the module's documentation.
#[derive(Debug, Serialize)]
pub struct Report {
    pub machine: Machine,
    pub setup: Setup,
    pub system: System,
    /// None without a pgbench.
    pub floor: Option<Floor>,
    /// Of each round: orders a second that the system sustains over the floor's transactions a second.
    pub sustained_over_floor: Option<Spread>,
    pub rows_per_order: Vec<Row>,
    pub rounds: Vec<Round>,
    /// Why the exit status is 1; empty when all is well.
    pub problems: Vec<String>,
}

/// What was asked for.
#[derive(Debug, Serialize)]
pub struct Setup {
    pub clients: usize,
    pub skus: usize,
    pub lines: usize,
    pub rounds: u32,
    pub seconds: u32,
    pub warm_up_seconds: u32,
}

/// All that was measured.
pub struct Measured {
    pub rounds: Vec<MeasuredRound>,
    /// What each of some orders wrote that were placed one after the other.
    pub alone: Rows,
}

/// A round as it was measured.
pub struct MeasuredRound {
    pub round: u32,
    /// Of load.
    pub seconds: f64,
    pub tally: Tally,
    /// After the last answer.
    pub settled: Settled,
    /// Until all was settled.
    pub cpu: Cpu,
    /// All that was written, by so many orders: those of the warm-up, too.
    pub rows: Rows,
    pub orders: u64,
    pub floor: Option<Run>,
    pub problems: Vec<String>,
}

impl MeasuredRound {
    /// Orders answered within the round, each second.
    pub fn per_second(&self) -> f64 {
        self.tally.in_time as f64 / self.seconds
    }

    /// Orders that were confirmed and shown in the end, each second until then: what could go on for ever.
    pub fn sustained_per_second(&self) -> f64 {
        let took = self.tally.took + self.settled.confirmed;
        self.tally.accepted as f64 / took.as_secs_f64()
    }

    fn over_floor(&self) -> Option<f64> {
        let floor = self.floor.as_ref()?.per_second;
        (floor > 0.0).then(|| self.sustained_per_second() / floor)
    }
}

/// All rounds of the system.
#[derive(Debug, Serialize)]
pub struct System {
    pub accepted: u64,
    pub accepted_per_second: Spread,
    pub sustained_per_second: Spread,
    /// Of all rounds' orders together.
    pub latency_ms: Latency,
    /// From the last answer until all orders were confirmed and shown.
    pub drain_seconds: Spread,
    /// From the last answer until all mails were written, too.
    pub mailed_seconds: Spread,
    pub cpu_ms_per_order: Shares,
    pub errors: BTreeMap<String, u64>,
}

/// All runs of pgbench.
#[derive(Debug, Serialize)]
pub struct Floor {
    pub transactions: u64,
    pub transactions_per_second: Spread,
    /// The means of the runs.
    pub latency_ms: Spread,
    pub cpu_ms_per_transaction: Shares,
}

/// One round.
#[derive(Debug, Serialize)]
pub struct Round {
    pub round: u32,
    /// Orders, the last answers included.
    pub accepted: u64,
    pub accepted_per_second: f64,
    pub sustained_per_second: f64,
    pub latency_ms: Latency,
    pub load_seconds: f64,
    pub drain_seconds: f64,
    pub mailed_seconds: f64,
    pub cpu_ms_per_order: Shares,
    pub errors: BTreeMap<String, u64>,
    pub floor_per_second: Option<f64>,
    pub sustained_over_floor: Option<f64>,
}

impl Report {
    /// # Errors
    /// Never, as long as all histograms are of one kind.
    pub fn new(machine: Machine, setup: Setup, measured: Measured) -> anyhow::Result<Self> {
        let Measured { rounds, alone } = measured;
        let floor_rows = floor_rows(&rounds);
        let rows_per_order = side_by_side(&alone, &under_load(&rounds), floor_rows.as_ref());
        let mut problems = problems(&rounds);
        if floor_rows.is_some() {
            problems.extend(differences(&rows_per_order));
        }
        let ratios: Vec<f64> = rounds
            .iter()
            .filter_map(MeasuredRound::over_floor)
            .collect();
        Ok(Self {
            machine,
            setup,
            system: System::of(&rounds)?,
            floor: Floor::of(&rounds),
            sustained_over_floor: (!ratios.is_empty()).then(|| Spread::of(ratios)),
            rows_per_order,
            rounds: rounds.iter().map(Round::of).collect(),
            problems,
        })
    }
}

fn problems(rounds: &[MeasuredRound]) -> Vec<String> {
    let mut problems = Vec::new();
    for round in rounds {
        let name = format!("round {}", round.round);
        if round.tally.accepted == 0 {
            problems.push(format!("{name}: no order was accepted"));
        }
        let floor = round.floor.iter().flat_map(|run| &run.problems);
        problems.extend(
            round
                .problems
                .iter()
                .chain(floor)
                .map(|problem| format!("{name}: {problem}")),
        );
    }
    problems
}

fn under_load(rounds: &[MeasuredRound]) -> Rows {
    let rows = rounds
        .iter()
        .fold(Rows::default(), |sum, round| sum.and(&round.rows));
    rows.per(rounds.iter().map(|round| round.orders).sum::<u64>().max(1))
}

fn floor_rows(rounds: &[MeasuredRound]) -> Option<Rows> {
    let runs = || rounds.iter().filter_map(|round| round.floor.as_ref());
    let transactions: u64 = runs().map(|run| run.transactions).sum();
    let rows = runs().fold(Rows::default(), |sum, run| sum.and(&run.rows));
    (transactions > 0).then(|| rows.per(transactions))
}

impl System {
    fn of(rounds: &[MeasuredRound]) -> anyhow::Result<Self> {
        let mut latency = Histogram::<u64>::new(3)?;
        let mut errors = BTreeMap::new();
        for round in rounds {
            latency.add(&round.tally.latency)?;
            for (kind, count) in &round.tally.errors {
                *errors.entry(kind.clone()).or_default() += count;
            }
        }
        let accepted = rounds.iter().map(|round| round.tally.accepted).sum();
        let spread =
            |value: fn(&MeasuredRound) -> f64| Spread::of(rounds.iter().map(value).collect());
        Ok(Self {
            accepted,
            accepted_per_second: spread(MeasuredRound::per_second),
            sustained_per_second: spread(MeasuredRound::sustained_per_second),
            latency_ms: Latency::of(&latency),
            drain_seconds: spread(|round| round.settled.confirmed.as_secs_f64()),
            mailed_seconds: spread(|round| round.settled.mailed.as_secs_f64()),
            cpu_ms_per_order: shares(rounds.iter().map(|round| &round.cpu), accepted, 1e3),
            errors,
        })
    }
}

impl Floor {
    fn of(rounds: &[MeasuredRound]) -> Option<Self> {
        let runs: Vec<&Run> = rounds
            .iter()
            .filter_map(|round| round.floor.as_ref())
            .collect();
        let transactions = runs.iter().map(|run| run.transactions).sum();
        (!runs.is_empty()).then(|| Self {
            transactions,
            transactions_per_second: Spread::of(runs.iter().map(|run| run.per_second).collect()),
            latency_ms: Spread::of(runs.iter().map(|run| run.latency_ms).collect()),
            cpu_ms_per_transaction: shares(runs.iter().map(|run| &run.cpu), transactions, 1e3),
        })
    }
}

impl Round {
    fn of(measured: &MeasuredRound) -> Self {
        let (tally, seconds) = (&measured.tally, Duration::as_secs_f64);
        Self {
            round: measured.round,
            accepted: tally.accepted,
            accepted_per_second: measured.per_second(),
            sustained_per_second: measured.sustained_per_second(),
            latency_ms: Latency::of(&tally.latency),
            load_seconds: seconds(&tally.took),
            drain_seconds: seconds(&measured.settled.confirmed),
            mailed_seconds: seconds(&measured.settled.mailed),
            cpu_ms_per_order: shares([&measured.cpu], tally.accepted, 1e3),
            errors: tally.errors.clone(),
            floor_per_second: measured.floor.as_ref().map(|run| run.per_second),
            sustained_over_floor: measured.over_floor(),
        }
    }
}

#[cfg(test)]
#[path = "report_tests.rs"]
pub mod tests;
