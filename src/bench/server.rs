//! A service in a process of its own, so that its processor time can be told from that of the others.

use std::{
    fs::File,
    io::Read as _,
    net::{SocketAddr, TcpListener},
    process::Stdio,
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail};
use chassis::{config, service::stop_requested};
use tempfile::NamedTempFile;
use tokio::{process::Child, sync::oneshot};

use super::{cores, cpu::Part};

/// It declares all queues first.
const READY: Duration = Duration::from_secs(120);
/// An orderly end; it has nothing left to do then.
const END: Duration = Duration::from_secs(20);

/// Which of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Service {
    Gateway,
    OrderSvc,
    InventorySvc,
    IdentitySvc,
    Worker,
}

impl Service {
    fn part(self) -> Part {
        match self {
            Self::Gateway => Part::Gateway,
            Self::OrderSvc => Part::OrderSvc,
            Self::InventorySvc => Part::InventorySvc,
            Self::IdentitySvc => Part::IdentitySvc,
            Self::Worker => Part::Worker,
        }
    }

    fn name(self) -> &'static str {
        self.part().name()
    }
}

/// The process, until [`Server::stop`] or the end of the value.
pub struct Server {
    service: Service,
    child: Child,
    http: SocketAddr,
    log: NamedTempFile,
    pid: u32,
}

impl Server {
    /// Starts it with these variables. Its REST interface is to listen at `http`.
    pub fn start(
        service: Service,
        http: SocketAddr,
        variables: &[(&'static str, String)],
    ) -> anyhow::Result<Self> {
        Self::start_on(None, service, http, variables)
    }

    /// The same on these cores alone.
    pub fn start_on(
        cores: Option<&str>,
        service: Service,
        http: SocketAddr,
        variables: &[(&'static str, String)],
    ) -> anyhow::Result<Self> {
        let log = NamedTempFile::with_prefix("easyorder-bench-")?;
        let child = cores::command(cores, &std::env::current_exe()?)
            .args(["bench", "serve", service.name()])
            // Whatever a shop does here, nobody gets a mail.
            .env_remove("MAIL_SMTP_URL")
            .envs(variables.iter().map(|(name, value)| (name, value)))
            // Its end tells the child that this process is gone, however it went.
            .stdin(Stdio::piped())
            .stdout(log.reopen()?)
            .stderr(log.reopen()?)
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("cannot start {}", service.name()))?;
        let pid = child
            .id()
            .with_context(|| format!("{} has ended", service.name()))?;
        Ok(Self {
            service,
            child,
            http,
            log,
            pid,
        })
    }

    /// Whose processor time its process spends.
    pub fn process(&self) -> (Part, u32) {
        (self.service.part(), self.pid)
    }

    /// Waits until it is ready.
    pub async fn ready(&mut self) -> anyhow::Result<()> {
        let begun = Instant::now();
        let name = self.service.name();
        let client = reqwest::Client::new();
        loop {
            let answer = client
                .get(format!("http://{}/health/ready", self.http))
                .timeout(Duration::from_secs(5))
                .send()
                .await;
            if answer.is_ok_and(|answer| answer.status().is_success()) {
                return Ok(());
            }
            if let Some(status) = self.child.try_wait()? {
                bail!("{name} has ended ({status}):\n{}", self.last_words());
            }
            if begun.elapsed() > READY {
                bail!("{name} does not get ready:\n{}", self.last_words());
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    pub async fn stop(mut self) {
        drop(self.child.stdin.take());
        if tokio::time::timeout(END, self.child.wait()).await.is_err() {
            let _ = self.child.kill().await;
        }
    }

    /// The last lines that it wrote.
    fn last_words(&self) -> String {
        let mut text = String::new();
        let _ = File::open(self.log.path()).and_then(|mut file| file.read_to_string(&mut text));
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(20)..].join("\n")
    }
}

/// Addresses that nobody listens at.
pub fn free_addrs<const N: usize>() -> anyhow::Result<[SocketAddr; N]> {
    // All at once, so that they differ.
    let mut addrs = [SocketAddr::from(([127, 0, 0, 1], 0)); N];
    let mut listeners = Vec::with_capacity(N);
    for addr in &mut addrs {
        let listener = TcpListener::bind(*addr)?;
        *addr = listener.local_addr()?;
        listeners.push(listener);
    }
    Ok(addrs)
}

/// What the process does: `easyorder bench serve SERVICE`.
pub async fn serve(service: Service) -> anyhow::Result<()> {
    chassis::telemetry::init();
    let service = match service {
        Service::Gateway => gateway::start(config::from_env()?).await?,
        Service::OrderSvc => order_svc::start(config::from_env()?).await?,
        Service::InventorySvc => inventory_svc::start(config::from_env()?).await?,
        Service::IdentitySvc => identity_svc::start(config::from_env()?).await?,
        Service::Worker => worker::start(config::from_env()?).await?,
    };
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
