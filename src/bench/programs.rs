//! Where PostgreSQL's own programs may be.

use std::path::PathBuf;

use tokio::process::Command;

/// Paths to try, in this order; none need exist.
pub async fn candidates(name: &str) -> Vec<PathBuf> {
    let mut folders = Vec::new();
    if let Ok(output) = Command::new("pg_config").arg("--bindir").output().await {
        folders.push(PathBuf::from(
            String::from_utf8_lossy(&output.stdout).trim(),
        ));
    }
    if let Ok(versions) = std::fs::read_dir("/usr/lib/postgresql") {
        folders.extend(versions.flatten().map(|version| version.path().join("bin")));
    }
    let mut found: Vec<PathBuf> = folders
        .into_iter()
        .map(|folder| folder.join(name))
        .collect();
    found.push(PathBuf::from(name));
    found
}
