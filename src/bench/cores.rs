//! Who runs on which of the machine's cores, by `taskset` of util-linux.

use std::{ffi::OsStr, process::Stdio};

use tokio::process::Command;

const TASKSET: &str = "taskset";

/// The program, on these cores alone.
pub fn command(cores: Option<&str>, program: impl AsRef<OsStr>) -> Command {
    let Some(cores) = cores else {
        return Command::new(program);
    };
    let mut command = Command::new(TASKSET);
    command.args(["-c", cores]).arg(program);
    command
}

/// Moves a process with all of its threads, and what they start from now on. False if it cannot be done.
pub async fn pin(process: u32, cores: &str) -> bool {
    let pinning = Command::new(TASKSET)
        .args(["-a", "-p", "-c", cores, &process.to_string()])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    pinning.await.is_ok_and(|status| status.success())
}

/// Where a process may run.
pub fn of(process: u32) -> Option<String> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let mut lines = status.lines();
    let list = lines.find_map(|line| line.strip_prefix("Cpus_allowed_list:"))?;
    Some(list.trim().to_owned())
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_program_runs_where_it_is_told_to() {
        let here = of(std::process::id()).unwrap();
        let one = here.split([',', '-']).next().unwrap();
        let mut child = command(Some(one), "sleep").arg("60").spawn().unwrap();
        let id = child.id().unwrap();
        // It is taskset at first.
        while of(id).as_deref() != Some(one) {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
        assert!(pin(id, &here).await);
        assert_eq!(of(id).unwrap(), here);
        assert!(!pin(id, "none").await);
        child.kill().await.unwrap();
    }
}
