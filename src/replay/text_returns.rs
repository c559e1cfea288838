//! What the report says of the credit notes, as people read it.

use std::fmt::{Formatter, Result};

use indicatif::HumanCount;

use super::{
    report::Report,
    returns::Tally,
    text::{count, money},
};

impl Report {
    pub fn credit_notes(&self, f: &mut Formatter<'_>) -> Result {
        let notes = &self.credit_notes;
        if notes.rows == 0 {
            return Ok(());
        }
        let currency = self.currency;
        writeln!(
            f,
            "\n{:<60} {:>10} {:>11} {:>15}",
            "Credit notes", "Rows", "Pieces", currency
        )?;
        tally(f, "  returned", &notes.returned)?;
        for unmatched in &notes.unmatched {
            let what = format!("  unmatched: {}", unmatched.reason);
            tally(f, &what, &unmatched.tally)?;
        }
        tally(f, "  no goods", &notes.no_goods)?;
        tally(f, "  the order was refused", &notes.refused)?;
        tally(f, "  beyond the limit", &notes.beyond_limit)?;
        tally(f, "  failed", &notes.failed)?;

        let returns = &notes.returns;
        writeln!(f)?;
        count(
            f,
            "Returns (what a credit note gives back of an order)",
            returns.planned,
        )?;
        count(f, "  made", returns.made_new)?;
        count(
            f,
            "  made before (an earlier run, or an answer that was lost)",
            returns.made_before,
        )?;
        count(f, "  of orders that were refused", returns.refused)?;
        count(f, "  failed", returns.failed)?;
        for failure in &notes.failures {
            writeln!(f, "    credit note {}: {}", failure.invoice, failure.detail)?;
        }
        Ok(())
    }

    pub fn refunds(&self, f: &mut Formatter<'_>) -> Result {
        if self.total.returns.returns == 0 {
            return Ok(());
        }
        let currency = self.currency;
        writeln!(
            f,
            "\n{:<10} {:>8} {:>8} {:>14} {:>14} {:>11} {:>15} {:>15} {:>11}",
            "Day",
            "Returns",
            "Pieces",
            format!("Refunds {currency}"),
            "by the file",
            "difference",
            format!("Net {currency}"),
            "by the file",
            "difference"
        )?;
        for day in self.days.iter().chain([&self.total]) {
            let refunds = &day.returns;
            writeln!(
                f,
                "{:<10} {:>8} {:>8} {:>14} {:>14} {:>11} {:>15} {:>15} {:>11}",
                day.name(),
                HumanCount(refunds.returns).to_string(),
                HumanCount(refunds.pieces.unsigned_abs()).to_string(),
                money(refunds.refunds),
                money(refunds.file),
                money(refunds.difference),
                money(day.net),
                money(day.net_file),
                money(day.net_difference),
            )?;
        }
        Ok(())
    }

    pub fn refunds_read(&self, f: &mut Formatter<'_>) -> Result {
        let read = &self.credit_notes.read_models;
        if read.orders == 0 {
            return Ok(());
        }
        let shown = match read.shown_after {
            Some(seconds) => format!("{seconds} s after the last of them"),
            None => "not all in time".to_owned(),
        };
        writeln!(
            f,
            "             {} orders show their refunds: {shown}",
            HumanCount(read.orders)
        )?;
        writeln!(
            f,
            "             the sum of these is {} {}, difference {}",
            self.currency,
            money(read.refunds),
            money(read.difference)
        )
    }
}

fn tally(f: &mut Formatter<'_>, what: &str, tally: &Tally) -> Result {
    // A note that has it the wrong way round takes pieces off the sum.
    let sign = if tally.pieces < 0 { "-" } else { "" };
    let pieces = HumanCount(tally.pieces.unsigned_abs());
    writeln!(
        f,
        "{what:<60} {:>10} {:>11} {:>15}",
        HumanCount(tally.rows.rows).to_string(),
        format!("{sign}{pieces}"),
        money(tally.amount)
    )
}
