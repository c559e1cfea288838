//! How often a second this machine can make a write durable: what bounds a database that commits one by one.

use std::{path::PathBuf, process::Stdio, time::Duration};

use serde::Serialize;
use tokio::{
    io::{AsyncBufReadExt as _, BufReader},
    process::Command,
};

use super::programs::candidates;

/// What Linux uses, and so PostgreSQL there.
const METHOD: &str = "fdatasync";
/// It tests for a second each; the line is one of the first.
const PATIENCE: Duration = Duration::from_secs(15);

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Fsync {
    /// The line of `pg_test_fsync` that the figure is from.
    pub method: &'static str,
    pub per_second: f64,
    /// The file that was written; another disk may do better or worse.
    pub file: PathBuf,
}

/// Asks `pg_test_fsync`; None where there is none.
pub async fn measure() -> Option<Fsync> {
    let folder = tempfile::tempdir().ok()?;
    let file = folder.path().join("pg_test_fsync");
    for program in candidates("pg_test_fsync").await {
        let asking = ask(&program, &file);
        if let Ok(Some(per_second)) = tokio::time::timeout(PATIENCE, asking).await {
            return Some(Fsync {
                method: METHOD,
                per_second,
                file: std::env::temp_dir(),
            });
        }
    }
    None
}

async fn ask(program: &PathBuf, file: &PathBuf) -> Option<f64> {
    let mut child = Command::new(program)
        .args(["--secs-per-test", "1", "--filename"])
        .arg(file)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        // The rest of its tests is of no interest.
        .kill_on_drop(true)
        .spawn()
        .ok()?;
    let mut lines = BufReader::new(child.stdout.take()?).lines();
    while let Some(line) = lines.next_line().await.ok()? {
        if let Some(per_second) = parse(&line) {
            return Some(per_second);
        }
    }
    None
}

fn parse(line: &str) -> Option<f64> {
    let mut words = line.split_whitespace();
    if words.next()? != METHOD {
        return None;
    }
    let per_second = words.next()?.parse().ok()?;
    (words.next()? == "ops/sec").then_some(per_second)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_of_the_method_is_read() {
        for line in [
            "Compare file sync methods using one 8kB write:",
            "(in wal_sync_method preference order, except fdatasync is Linux's default)",
            "        open_datasync                      1650.190 ops/sec     606 usecs/op",
            "        fdatasync                          n/a*",
        ] {
            assert_eq!(parse(line), None, "{line}");
        }
        let line = "        fdatasync                          1612.345 ops/sec     620 usecs/op";
        assert_eq!(parse(line), Some(1612.345));
    }
}
