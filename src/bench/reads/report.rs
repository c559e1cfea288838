//! What was measured, in figures.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{
    busy,
    lab::{Asked, Measured},
    rebuild::Rebuilding,
};
use crate::bench::{figures::Latency, machine::Machine};

/// See the module's documentation.
#[derive(Debug, Serialize)]
pub struct Report {
    pub machine: Machine,
    pub setup: Setup,
    pub reads: Vec<Read>,
    /// None if it was not asked for.
    pub rebuild: Option<Rebuild>,
    /// Why the exit status is 1; empty when all is well.
    pub problems: Vec<String>,
}

/// What was asked for.
#[derive(Debug, Serialize)]
pub struct Setup {
    /// Orders.
    pub small: u64,
    pub large: u64,
    pub rounds: u32,
    pub seconds: f64,
}

/// A question, and how long it took to be answered.
#[derive(Debug, Serialize)]
pub struct Read {
    pub question: &'static str,
    pub callers: usize,
    pub answers_small: u64,
    pub answers_large: u64,
    pub small_ms: Latency,
    pub large_ms: Latency,
    /// Large over small.
    pub median_ratio: Option<f64>,
    pub p95_ratio: Option<f64>,
    /// What the ratio of the medians should be at most.
    pub limit: Option<f64>,
}

/// The rebuild of the read models.
#[derive(Debug, Serialize)]
pub struct Rebuild {
    /// Orders a second that were to come in, and that did.
    pub rate: u32,
    pub placed_per_second: f64,
    pub placed: u64,
    pub reads: u64,
    pub views: Vec<View>,
    pub phases: Vec<Phase>,
    pub errors: BTreeMap<String, u64>,
    /// Of the orders placed, those that a read model does not show as they are.
    pub missing_or_stale: i64,
    /// What the audit of order-svc found in the end.
    pub amiss: u64,
    pub audit_seconds: f64,
}

#[derive(Debug, Serialize)]
pub struct View {
    pub view: &'static str,
    pub orders: u64,
    pub seconds: f64,
    pub orders_per_second: f64,
    /// For so long nobody could read or feed it.
    pub swap_locked_ms: f64,
}

/// How placing an order went in a part of the time.
#[derive(Debug, Serialize)]
pub struct Phase {
    pub phase: &'static str,
    pub orders: u64,
    pub latency_ms: Latency,
}

impl Report {
    pub fn new(machine: Machine, setup: Setup, measured: Measured) -> Self {
        let mut problems = Vec::new();
        for (asked, orders) in measured
            .small
            .iter()
            .map(|asked| (asked, setup.small))
            .chain(measured.large.iter().map(|asked| (asked, setup.large)))
        {
            problems.extend(failed(asked, orders));
        }
        if let Some(rebuilding) = &measured.rebuilding {
            problems.extend(went_wrong(rebuilding));
        }
        let reads = measured.small.iter().zip(&measured.large);
        Self {
            machine,
            reads: reads.map(|(small, large)| Read::of(small, large)).collect(),
            rebuild: measured.rebuilding.as_ref().map(Rebuild::of),
            setup,
            problems,
        }
    }
}

fn failed(asked: &Asked, orders: u64) -> Vec<String> {
    let name = format!(
        "{} ({} callers, {orders} orders)",
        asked.name, asked.callers
    );
    let mut problems: Vec<String> = asked
        .tally
        .errors
        .iter()
        .map(|(kind, count)| format!("{name}: {count} requests failed: {kind}"))
        .collect();
    if asked.tally.accepted == 0 {
        problems.push(format!("{name}: nothing was answered"));
    }
    problems
}

fn went_wrong(rebuilding: &Rebuilding) -> Vec<String> {
    let errors = rebuilding.outcome.errors.iter();
    let mut problems: Vec<String> = errors
        .map(|(kind, count)| format!("rebuild: {count} times, {kind}"))
        .collect();
    if rebuilding.outcome.placed.is_empty() {
        problems.push("rebuild: no order was placed".to_owned());
    }
    if rebuilding.outcome.reads == 0 {
        problems.push("rebuild: nothing was read".to_owned());
    }
    if rebuilding.missing != 0 {
        problems.push(format!(
            "rebuild: of {} orders placed, {} are missing or stale",
            rebuilding.outcome.placed.len(),
            rebuilding.missing
        ));
    }
    let audit = rebuilding.amiss.iter();
    problems.extend(audit.map(|amiss| format!("audit: {amiss}")));
    problems
}

impl Read {
    fn of(small: &Asked, large: &Asked) -> Self {
        let ratio = |of: fn(&Latency) -> f64| {
            let (small, large) = (
                Latency::of(&small.tally.latency),
                Latency::of(&large.tally.latency),
            );
            (of(&small) > 0.0).then(|| of(&large) / of(&small))
        };
        Self {
            question: small.name,
            callers: small.callers,
            answers_small: small.tally.accepted,
            answers_large: large.tally.accepted,
            small_ms: Latency::of(&small.tally.latency),
            large_ms: Latency::of(&large.tally.latency),
            median_ratio: ratio(|latency| latency.p50),
            p95_ratio: ratio(|latency| latency.p95),
            limit: small.limit,
        }
    }

    /// Whether it is as quick as it should be; None where nothing was promised.
    pub fn is_within(&self) -> Option<bool> {
        Some(self.median_ratio? <= self.limit?)
    }
}

impl Rebuild {
    fn of(rebuilding: &Rebuilding) -> Self {
        let outcome = &rebuilding.outcome;
        let placed = outcome.placed.len() as u64;
        Self {
            rate: rebuilding.rate,
            placed_per_second: placed as f64 / rebuilding.lasted.as_secs_f64(),
            placed,
            reads: outcome.reads,
            views: rebuilding
                .rebuilt
                .iter()
                .map(|rebuilt| {
                    let seconds = rebuilt.lasted.as_secs_f64();
                    View {
                        view: rebuilt.view.name(),
                        orders: rebuilt.orders,
                        seconds,
                        orders_per_second: rebuilt.orders as f64 / seconds,
                        swap_locked_ms: rebuilt.locked.as_secs_f64() * 1e3,
                    }
                })
                .collect(),
            phases: outcome.phases.iter().map(Phase::of).collect(),
            errors: outcome.errors.clone(),
            missing_or_stale: rebuilding.missing,
            amiss: rebuilding.amiss.len() as u64,
            audit_seconds: rebuilding.audited.as_secs_f64(),
        }
    }
}

impl Phase {
    fn of(phase: &busy::Phase) -> Self {
        Self {
            phase: phase.name,
            orders: phase.latency.len(),
            latency_ms: Latency::of(&phase.latency),
        }
    }
}

#[cfg(test)]
#[path = "report_tests.rs"]
pub mod tests;
