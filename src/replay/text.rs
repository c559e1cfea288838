//! The report as people read it.

use std::fmt::{self, Formatter, Result};

use indicatif::HumanCount;

use super::report::{Day, Report};

impl fmt::Display for Report {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        writeln!(f, "{} played against {}", self.file, self.gateway)?;
        self.rows(f)?;
        self.orders(f)?;
        self.credit_notes(f)?;
        self.days(f)?;
        self.refunds(f)?;
        self.speed(f)?;
        writeln!(f)?;
        if self.problems.is_empty() {
            return writeln!(f, "Every row is accounted for.");
        }
        writeln!(f, "NOT all is well:")?;
        for problem in &self.problems {
            writeln!(f, "  - {problem}")?;
        }
        Ok(())
    }
}

impl Report {
    fn rows(&self, f: &mut Formatter<'_>) -> Result {
        let rows = &self.rows;
        writeln!(f)?;
        count(f, "Rows read", rows.read)?;
        count(f, "  sold", rows.sold)?;
        count(f, "  returned (rows of credit notes)", rows.returned)?;
        count(
            f,
            "  without an order to return (rows of credit notes)",
            rows.unmatched,
        )?;
        count(f, "  no sale of goods", rows.no_sale)?;
        for no_sale in &self.no_sale {
            count(f, &format!("    {}", no_sale.reason), no_sale.rows)?;
        }
        count(f, "  unreadable", rows.unparsed)?;
        for unparsed in self.unparsed.iter().take(20) {
            writeln!(f, "    line {}: {}", unparsed.line, unparsed.reason)?;
        }
        if self.unparsed.len() > 20 {
            writeln!(f, "    ... (all of them are in the JSON report)")?;
        }
        count(f, "  refused by the shop", rows.refused)?;
        count(f, "  beyond the limit", rows.beyond_limit)?;
        count(f, "  failed", rows.failed)
    }

    fn orders(&self, f: &mut Formatter<'_>) -> Result {
        let orders = &self.orders;
        writeln!(f)?;
        count(f, "Orders", orders.planned)?;
        count(f, "  placed", orders.placed_new)?;
        count(
            f,
            "  placed before (an earlier run, or an answer that was lost)",
            orders.placed_before,
        )?;
        count(f, "  refused", orders.refused)?;
        for refused in &self.refused {
            count(
                f,
                &format!("    {} {}", refused.status, refused.problem),
                refused.orders,
            )?;
            for example in &refused.examples {
                writeln!(f, "      invoice {}: {}", example.invoice, example.detail)?;
            }
        }
        count(f, "  failed", orders.failed)?;
        for failure in &self.failed {
            writeln!(f, "    invoice {}: {}", failure.invoice, failure.detail)?;
        }
        if !self.items_refused.is_empty() {
            count(
                f,
                "Items that the catalogue refused",
                self.items_refused.len() as u64,
            )?;
            for (sku, why) in self.items_refused.iter().take(5) {
                writeln!(f, "  {sku}: {why}")?;
            }
        }
        Ok(())
    }

    fn days(&self, f: &mut Formatter<'_>) -> Result {
        if self.days.is_empty() {
            return Ok(());
        }
        let revenue = format!("Revenue {}", self.currency);
        writeln!(
            f,
            "\n{:<10} {:>8} {:>9} {:>11} {:>15} {:>15} {:>12}",
            "Day", "Orders", "Rows", "Units", revenue, "by the file", "difference"
        )?;
        for day in self.days.iter().chain([&self.total]) {
            let Day {
                orders,
                rows,
                units,
                ..
            } = day;
            writeln!(
                f,
                "{:<10} {:>8} {:>9} {:>11} {:>15} {:>15} {:>12}",
                day.name(),
                HumanCount(*orders).to_string(),
                HumanCount(*rows).to_string(),
                HumanCount(units.unsigned_abs()).to_string(),
                money(day.revenue),
                money(day.file),
                money(day.difference),
            )?;
        }
        Ok(())
    }

    fn speed(&self, f: &mut Formatter<'_>) -> Result {
        let latency = &self.latency;
        writeln!(
            f,
            "\nAnswers      p50 {} ms, p95 {} ms, p99 {} ms, longest {} ms",
            latency.p50, latency.p95, latency.p99, latency.max
        )?;
        writeln!(
            f,
            "Speed        {} orders/s for {} s; {} requests had to be sent again",
            self.orders_per_second,
            self.play_seconds,
            HumanCount(self.retries)
        )?;
        let read = &self.read_models;
        let after = |seconds: Option<f64>| match seconds {
            Some(seconds) => format!("{seconds} s after the last answer"),
            None => "not all in time".to_owned(),
        };
        writeln!(
            f,
            "Read models  {} orders listed: {}; {} confirmed: {}",
            HumanCount(read.orders),
            after(read.visible_after),
            HumanCount(read.confirmed),
            after(read.confirmed_after),
        )?;
        writeln!(
            f,
            "             their sum is {} {}, difference {}",
            self.currency,
            money(read.revenue),
            money(read.difference)
        )?;
        self.refunds_read(f)
    }
}

pub fn count(f: &mut Formatter<'_>, what: &str, number: u64) -> Result {
    writeln!(f, "{what:<60} {:>10}", HumanCount(number).to_string())
}

/// Pence as pounds.
pub fn money(pence: i64) -> String {
    let sign = if pence < 0 { "-" } else { "" };
    let pence = pence.unsigned_abs();
    format!("{sign}{}.{:02}", HumanCount(pence / 100), pence % 100)
}

#[cfg(test)]
mod tests {
    use super::{super::report::tests, *};

    #[test]
    fn money_is_written_to_the_penny() {
        assert_eq!(money(0), "0.00");
        assert_eq!(money(-5), "-0.05");
        assert_eq!(money(123_456_789), "1,234,567.89");
    }

    #[test]
    fn a_run_reads_well() {
        insta::assert_snapshot!(tests::good().to_string());
    }
}
