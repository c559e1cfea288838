//! The report as people read it.

use std::fmt::{self, Formatter, Result};

use super::report::{Report, Way};
use crate::bench::{
    cpu::Part,
    figures::Spread,
    text::{counted, fixed, number, problems, spread},
};

impl fmt::Display for Report {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        self.machine.fmt(f)?;
        self.setup(f)?;
        self.table(f)?;
        self.ratio(f)?;
        for way in &self.ways {
            for (kind, count) in &way.errors {
                writeln!(
                    f,
                    "{}: {} calls failed with {kind}",
                    way.way,
                    number(*count as f64)
                )?;
            }
        }
        problems(
            f,
            &self.problems,
            "Each round, the database holds what was granted.",
        )
    }
}

impl Report {
    fn setup(&self, f: &mut Formatter<'_>) -> Result {
        let setup = &self.setup;
        let rounds = counted(setup.rounds as usize, "round");
        let lines = counted(setup.lines, "line");
        let demand = if setup.skus == 1 {
            "one SKU".to_owned()
        } else {
            format!("{} SKUs (Zipf {})", setup.skus, setup.zipf)
        };
        writeln!(
            f,
            "{} callers on {} connections, {demand}, {lines} per reservation; {rounds} of {} s each way, in turn\n",
            setup.callers, setup.connections, setup.seconds
        )
    }

    fn table(&self, f: &mut Formatter<'_>) -> Result {
        let mut row = |name: &str, value: &dyn Fn(&Way) -> String| {
            write!(f, "{name:<34}")?;
            for way in &self.ways {
                write!(f, " {:>26}", value(way))?;
            }
            writeln!(f)
        };
        row("", &|way| way.way.clone())?;
        row("Reservations/s", &|way| spread(way.accepted_per_second))?;
        row("Latency p50, ms", &|way| fixed(Some(way.latency_ms.p50)))?;
        row("        p95", &|way| fixed(Some(way.latency_ms.p95)))?;
        row("        p99", &|way| fixed(Some(way.latency_ms.p99)))?;
        row("        longest", &|way| fixed(Some(way.latency_ms.max)))?;
        row("Database transactions/s", &|way| {
            spread(way.transactions_per_second)
        })?;
        row("Reservations per transaction", &|way| {
            fixed(way.reservations_per_transaction)
        })?;
        row("CPU us/reservation: inventory-svc", &|way| {
            way.cpu_us(Part::InventorySvc)
        })?;
        row("                    PostgreSQL", &|way| {
            way.cpu_us(Part::Postgres)
        })?;
        row("                    RabbitMQ", &|way| {
            way.cpu_us(Part::Rabbitmq)
        })?;
        row("                    load generator", &|way| {
            way.cpu_us(Part::LoadGenerator)
        })?;
        row("Events waiting at a round's end", &|way| {
            number(way.unpublished_events as f64)
        })
    }

    fn ratio(&self, f: &mut Formatter<'_>) -> Result {
        match self.batched_over_plain {
            Some(Spread { median, min, max }) => writeln!(
                f,
                "\nBatched grants {median:.1} times as many a second as plain ({min:.1} to {max:.1})."
            ),
            None => writeln!(f),
        }
    }
}

impl Way {
    fn cpu_us(&self, part: Part) -> String {
        fixed(self.cpu_us_per_reservation.get(&part).copied().flatten())
    }
}

#[cfg(test)]
mod tests {
    use super::super::report::tests::report;

    #[test]
    fn a_report_reads_well() {
        insta::assert_snapshot!(report(|_| {}).to_string());
    }

    #[test]
    fn errors_and_problems_are_told() {
        let text = report(|rounds| {
            rounds[1].tally.errors.insert("unavailable".to_owned(), 3);
            rounds[1].problems.push("1 too many".to_owned());
        })
        .to_string();
        assert!(
            text.contains("batched: 3 calls failed with unavailable"),
            "{text}"
        );
        assert!(
            text.contains("NOT all is well:\n  - batched, round 1: 1 too many"),
            "{text}"
        );
    }
}
