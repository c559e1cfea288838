//! The report as people read it.

use std::fmt::{self, Formatter, Result};

use super::report::{Rebuild, Report};
use crate::bench::text::{counted, number, problems};

impl fmt::Display for Report {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        self.machine.fmt(f)?;
        let setup = &self.setup;
        writeln!(
            f,
            "{} orders, then {}; {} of {} s for each question\n",
            number(setup.small as f64),
            number(setup.large as f64),
            counted(setup.rounds as usize, "round"),
            setup.seconds
        )?;
        self.reads(f)?;
        if let Some(rebuild) = &self.rebuild {
            rebuild.fmt(f)?;
        }
        writeln!(f)?;
        problems(
            f,
            &self.problems,
            "No request has failed, and nothing is missing or stale.",
        )
    }
}

impl Report {
    fn reads(&self, f: &mut Formatter<'_>) -> Result {
        writeln!(
            f,
            "{:<31} {:>7} {:>9} {:>9} {:>6} {:>9} {:>9} {:>6}",
            "Milliseconds through the gateway",
            "callers",
            "p50 small",
            "large",
            "ratio",
            "p95 small",
            "large",
            "ratio"
        )?;
        for read in &self.reads {
            let ratio = |ratio: Option<f64>| {
                ratio.map_or_else(|| "-".to_owned(), |ratio| format!("{ratio:.2}"))
            };
            let verdict = match (read.is_within(), read.limit) {
                (Some(true), Some(limit)) => format!("  at most {limit}: yes"),
                (Some(false), Some(limit)) => format!("  at most {limit}: NO"),
                _ => String::new(),
            };
            writeln!(
                f,
                "{:<32} {:>7} {:>9.2} {:>9.2} {:>6} {:>9.2} {:>9.2} {:>6}{verdict}",
                read.question,
                read.callers,
                read.small_ms.p50,
                read.large_ms.p50,
                ratio(read.median_ratio),
                read.small_ms.p95,
                read.large_ms.p95,
                ratio(read.p95_ratio),
            )?;
        }
        Ok(())
    }
}

impl fmt::Display for Rebuild {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        writeln!(
            f,
            "\nRebuild while {} orders a second come in ({:.1} did)",
            self.rate, self.placed_per_second
        )?;
        for view in &self.views {
            writeln!(
                f,
                "  {:<10} {:>10} orders in {:>7.1} s: {:>8}/s; the swap locked for {:.1} ms",
                view.view,
                number(view.orders as f64),
                view.seconds,
                number(view.orders_per_second),
                view.swap_locked_ms
            )?;
        }
        writeln!(
            f,
            "  {:<10} {:>10} {:>9} {:>9} {:>9} {:>9}",
            "Placing", "orders", "p50, ms", "p95", "p99", "longest"
        )?;
        for phase in &self.phases {
            let latency = &phase.latency_ms;
            writeln!(
                f,
                "  {:<10} {:>10} {:>9.1} {:>9.1} {:>9.1} {:>9.1}",
                phase.phase,
                number(phase.orders as f64),
                latency.p50,
                latency.p95,
                latency.p99,
                latency.max
            )?;
        }
        writeln!(
            f,
            "  {} orders placed and {} reads; {} failed; {} missing or stale; the audit found {} in {:.1} s",
            number(self.placed as f64),
            number(self.reads as f64),
            number(self.errors.values().sum::<u64>() as f64),
            self.missing_or_stale,
            self.amiss,
            self.audit_seconds
        )
    }
}

#[cfg(test)]
mod tests {
    use super::super::report::tests::report;

    #[test]
    fn a_report_reads_well() {
        insta::assert_snapshot!(report(|_| {}).to_string());
    }
}
