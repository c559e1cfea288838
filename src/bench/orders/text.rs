//! The report as people read it.

use std::fmt::{self, Display, Formatter, Result};

use super::report::{Floor, Report};
use crate::bench::{
    cpu::{Part, Shares},
    figures::Spread,
    text::{counted, number, problems, spread},
};

impl Display for Report {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        self.machine.fmt(f)?;
        self.setup(f)?;
        self.system(f)?;
        match &self.floor {
            Some(floor) => self.floor(floor, f)?,
            None => writeln!(
                f,
                "\nNo pgbench on this machine: there is no floor to compare with."
            )?,
        }
        self.rows(f)?;
        for (kind, count) in &self.system.errors {
            writeln!(f, "{} requests failed: {kind}", number(*count as f64))?;
        }
        problems(
            f,
            &self.problems,
            "Each round, the databases hold what was answered.",
        )
    }
}

impl Report {
    fn setup(&self, f: &mut Formatter<'_>) -> Result {
        let setup = &self.setup;
        let skus = match setup.skus {
            1 => "one SKU".to_owned(),
            skus => format!("{} SKUs alike", number(skus as f64)),
        };
        writeln!(
            f,
            "{}, {skus}, {} per order; {} of {} s",
            counted(setup.clients, "client"),
            counted(setup.lines, "line"),
            counted(setup.rounds as usize, "round"),
            setup.seconds
        )
    }

    fn system(&self, f: &mut Formatter<'_>) -> Result {
        let system = &self.system;
        writeln!(f, "\nThe system")?;
        row(f, "Orders/s accepted", spread(system.accepted_per_second))?;
        row(f, "Orders/s sustained", spread(system.sustained_per_second))?;
        row(f, "Latency p50, ms", tenths(system.latency_ms.p50))?;
        row(f, "        p95", tenths(system.latency_ms.p95))?;
        row(f, "        p99", tenths(system.latency_ms.p99))?;
        row(f, "        longest", tenths(system.latency_ms.max))?;
        row(
            f,
            "Seconds to confirm the rest",
            seconds(system.drain_seconds),
        )?;
        row(
            f,
            "Seconds to mail the rest",
            seconds(system.mailed_seconds),
        )?;
        cpu(f, "CPU ms/order", &system.cpu_ms_per_order)
    }

    fn floor(&self, floor: &Floor, f: &mut Formatter<'_>) -> Result {
        writeln!(f, "\nThe floor: pgbench, one transaction an order")?;
        row(f, "Transactions/s", spread(floor.transactions_per_second))?;
        row(f, "Latency, mean, ms", tenths(floor.latency_ms.median))?;
        cpu(f, "CPU ms/transaction", &floor.cpu_ms_per_transaction)?;
        match self.sustained_over_floor {
            Some(Spread { median, min, max }) => writeln!(
                f,
                "\nThe system sustains {median:.2} times the floor ({min:.2} to {max:.2})."
            ),
            None => Ok(()),
        }
    }

    fn rows(&self, f: &mut Formatter<'_>) -> Result {
        writeln!(
            f,
            "\n{:<46} {:>14} {:>14} {:>14}",
            "Rows per order, inserted + updated", "one alone", "under load", "floor"
        )?;
        for row in &self.rows_per_order {
            let floor = row
                .floor
                .map_or_else(|| "-".to_owned(), |rows| rows.to_string());
            writeln!(
                f,
                "{:<14} {:<31} {:>14} {:>14} {floor:>14}",
                row.table.service, row.table.table, row.alone, row.under_load
            )?;
        }
        writeln!(f)
    }
}

/// By part, then what all of them spend; who only makes the load does not count there.
fn cpu(f: &mut Formatter<'_>, title: &str, shares: &Shares) -> Result {
    let mut title = format!("{title}: ");
    let width = title.len();
    for (part, share) in shares {
        let value = share.map_or_else(|| "not seen".to_owned(), hundredths);
        row(f, &format!("{title:<width$}{}", part.name()), value)?;
        title.clear();
    }
    let parts = || {
        let load = [Part::LoadGenerator, Part::Pgbench];
        shares.iter().filter(move |(part, _)| !load.contains(part))
    };
    let name = if parts().all(|(_, share)| share.is_some()) {
        "together, but for the load itself"
    } else {
        "together, as far as seen"
    };
    let sum: f64 = parts().filter_map(|(_, share)| *share).sum();
    row(f, &format!("{:<width$}{name}", ""), hundredths(sum))
}

fn row(f: &mut Formatter<'_>, name: &str, value: impl fmt::Display) -> Result {
    writeln!(f, "  {name:<54} {value:>24}")
}

fn tenths(value: f64) -> String {
    format!("{value:.1}")
}

fn hundredths(value: f64) -> String {
    format!("{value:.2}")
}

fn seconds(Spread { median, min, max }: Spread) -> String {
    format!("{median:.1} ({min:.1}..{max:.1})")
}

#[cfg(test)]
mod tests {
    use super::super::report::tests::report;

    #[test]
    fn a_report_reads_well() {
        insta::assert_snapshot!(report(|_| {}).to_string());
    }

    #[test]
    fn errors_problems_and_a_missing_floor_are_told() {
        let text = report(|measured| {
            let round = &mut measured.rounds[0];
            round.tally.errors.insert("503 unavailable".to_owned(), 3);
            round.problems.push("1 too many".to_owned());
            for round in &mut measured.rounds {
                round.floor = None;
            }
        })
        .to_string();
        for told in [
            "3 requests failed: 503 unavailable",
            "NOT all is well:\n  - round 1: 1 too many",
            "No pgbench on this machine",
        ] {
            assert!(text.contains(told), "no `{told}` in\n{text}");
        }
        assert!(!text.contains("times the floor"), "{text}");
    }
}
