//! What reports have in common as people read them.

use std::fmt::{self, Formatter};

use indicatif::HumanCount;

use super::{figures::Spread, machine::Machine};

impl fmt::Display for Machine {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let postgres = &self.postgres;
        writeln!(
            f,
            "{} cores; PostgreSQL {}, fsync {}, synchronous_commit {}",
            self.cores, postgres.version, postgres.fsync, postgres.synchronous_commit
        )?;
        match &self.fsync {
            Some(fsync) => writeln!(
                f,
                "{}: {}/s in {} (pg_test_fsync)",
                fsync.method,
                number(fsync.per_second),
                fsync.file.display()
            )?,
            None => writeln!(f, "no pg_test_fsync to measure the disk with")?,
        }
        if !self.optimised {
            writeln!(f, "NOT a release build: the figures say little")?;
        }
        Ok(())
    }
}

/// The verdict, which is the last word.
pub fn problems(f: &mut Formatter<'_>, problems: &[String], all_is_well: &str) -> fmt::Result {
    if problems.is_empty() {
        return writeln!(f, "{all_is_well}");
    }
    writeln!(f, "NOT all is well:")?;
    for problem in problems {
        writeln!(f, "  - {problem}")?;
    }
    Ok(())
}

/// `1 line`, `2 lines`.
pub fn counted(count: usize, noun: &str) -> String {
    match count {
        1 => format!("1 {noun}"),
        count => format!("{count} {noun}s"),
    }
}

pub fn spread(spread: Spread) -> String {
    format!(
        "{} ({}..{})",
        number(spread.median),
        number(spread.min),
        number(spread.max)
    )
}

pub fn number(value: f64) -> String {
    HumanCount(value.round() as u64).to_string()
}

pub fn fixed(value: Option<f64>) -> String {
    value.map_or_else(|| "not seen".to_owned(), |value| format!("{value:.1}"))
}
