//! inventory-svc in a process of its own, so that its processor time can be told from that of its callers.

use std::{
    fs::File,
    io::Read as _,
    net::{SocketAddr, TcpListener},
    process::Stdio,
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail};
use chassis::{config, service::stop_requested};
use clap::ValueEnum as _;
use inventory_svc::Reservations;
use tempfile::NamedTempFile;
use tokio::{
    process::{Child, Command},
    sync::oneshot,
};

use super::database::Scratch;

/// It declares all queues first.
const READY: Duration = Duration::from_secs(120);
/// An orderly end; it has nothing left to do then.
const END: Duration = Duration::from_secs(20);
/// No hold of a benchmark ends, however long it runs.
pub const HOLD_SECONDS: i32 = 7 * 86_400;
/// Sets its exchanges and queues apart from those of a system.
pub const NAMESPACE: &str = "easyorder-bench";

/// The process, until [`Server::stop`] or the end of the value.
pub struct Server {
    child: Child,
    pub grpc_url: String,
    pub pid: u32,
}

impl Server {
    /// Starts it, and waits until it is ready.
    pub async fn start(database: &Scratch, reservations: Reservations) -> anyhow::Result<Self> {
        let [http, grpc] = free_addrs()?;
        let log = NamedTempFile::with_prefix("easyorder-bench-")?;
        let mut child = Command::new(std::env::current_exe()?)
            .args(["bench", "serve-inventory"])
            .env("INVENTORY_HTTP_ADDR", http.to_string())
            .env("INVENTORY_GRPC_ADDR", grpc.to_string())
            .env("INVENTORY_DATABASE_URL", database.url.expose())
            .env("INVENTORY_RESERVATIONS", name(reservations))
            .env("INVENTORY_MAX_HOLD_TTL_SECONDS", HOLD_SECONDS.to_string())
            .env("AMQP_NAMESPACE", NAMESPACE)
            // Its end tells the child that this process is gone, however it went.
            .stdin(Stdio::piped())
            .stdout(log.reopen()?)
            .stderr(log.reopen()?)
            .kill_on_drop(true)
            .spawn()
            .context("cannot start inventory-svc")?;
        let pid = child.id().context("inventory-svc has ended")?;
        ready(&mut child, http, &log).await?;
        Ok(Self {
            child,
            grpc_url: format!("http://{grpc}"),
            pid,
        })
    }

    pub async fn stop(mut self) {
        drop(self.child.stdin.take());
        if tokio::time::timeout(END, self.child.wait()).await.is_err() {
            let _ = self.child.kill().await;
        }
    }
}

/// As `INVENTORY_RESERVATIONS` has it.
pub fn name(reservations: Reservations) -> String {
    reservations
        .to_possible_value()
        .map(|value| value.get_name().to_owned())
        .unwrap_or_default()
}

async fn ready(child: &mut Child, http: SocketAddr, log: &NamedTempFile) -> anyhow::Result<()> {
    let begun = Instant::now();
    let client = reqwest::Client::new();
    loop {
        let answer = client
            .get(format!("http://{http}/health/ready"))
            .timeout(Duration::from_secs(5))
            .send()
            .await;
        if answer.is_ok_and(|answer| answer.status().is_success()) {
            return Ok(());
        }
        if let Some(status) = child.try_wait()? {
            bail!("inventory-svc has ended ({status}):\n{}", tail(log));
        }
        if begun.elapsed() > READY {
            bail!("inventory-svc does not get ready:\n{}", tail(log));
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// The last lines that it wrote.
fn tail(log: &NamedTempFile) -> String {
    let mut text = String::new();
    let _ = File::open(log.path()).and_then(|mut file| file.read_to_string(&mut text));
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(20)..].join("\n")
}

/// Two addresses that nobody listens at.
fn free_addrs() -> anyhow::Result<[SocketAddr; 2]> {
    // Both at once, so that they differ.
    let listeners = [
        TcpListener::bind("127.0.0.1:0")?,
        TcpListener::bind("127.0.0.1:0")?,
    ];
    Ok([listeners[0].local_addr()?, listeners[1].local_addr()?])
}

/// What the process does: `easyorder bench serve-inventory`.
pub async fn serve() -> anyhow::Result<()> {
    chassis::telemetry::init();
    let service = inventory_svc::start(config::from_env()?).await?;
    let (end, ended) = oneshot::channel();
    std::thread::spawn(move || {
        let _ = std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
        let _ = end.send(());
    });
    tokio::select! {
        stopped = stop_requested() => stopped?,
        _ = ended => {}
    }
    service.stop().await;
    Ok(())
}
