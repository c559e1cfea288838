//! Fixtures for tests against real servers: a database per test, a RabbitMQ namespace per test, a proxy that can fail.

// A test without its fixture fails, and this is how.
#![allow(clippy::expect_used)]

use std::{
    net::SocketAddr,
    sync::{
        Arc, LazyLock,
        atomic::{AtomicU16, Ordering},
    },
    time::Duration,
};

use anyhow::{Context as _, bail};
use reqwest::Url;
use sqlx::{
    ConnectOptions as _, Connection as _, Executor as _, PgPool, migrate::Migrator,
    postgres::PgConnectOptions,
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinHandle,
};
use uuid::Uuid;

use proto::identity::v1::{
    ExchangeApiKeyRequest, ExchangeApiKeyResponse, GetTrustRequest, GetTrustResponse,
    IssueTokenRequest, IssueTokenResponse, PublicKey,
    trust_service_server::{TrustService, TrustServiceServer},
};
use tonic::{Request, Response, Status};

use crate::{
    amqp::{self, Bus},
    config::Secret,
    postgres,
};

/// Dropping a database gets this long to begin.
const DROP: Duration = Duration::from_millis(200);
/// Deleting a namespace gets this long.
const DELETE: Duration = Duration::from_secs(10);

/// The PostgreSQL server for tests: `EASYORDER_TEST_POSTGRES_URL`, or the standard port.
#[must_use]
pub fn postgres_url() -> String {
    std::env::var("EASYORDER_TEST_POSTGRES_URL")
        .unwrap_or_else(|_| "postgres://postgres@127.0.0.1:5432/postgres".to_owned())
}

/// The RabbitMQ server for tests: `AMQP_URL`, or the standard port.
#[must_use]
pub fn amqp_url() -> String {
    std::env::var("AMQP_URL").unwrap_or_else(|_| "amqp://guest:guest@127.0.0.1:5672/%2f".to_owned())
}

/// A name that no other test uses, for exchanges and queues.
#[must_use]
pub fn namespace() -> String {
    format!("test-{}", Uuid::now_v7().simple())
}

/// A test's exchanges, queues and streams on RabbitMQ, deleted with the value. Queues would expire, streams cannot.
pub struct TestNamespace(pub amqp::Config);

impl Drop for TestNamespace {
    fn drop(&mut self) {
        let config = self.0.clone();
        let deleted = in_own_runtime(async move {
            let bus = Bus::new(&config, "test");
            tokio::time::timeout(DELETE, bus.delete_topology()).await?
        });
        if deleted.is_err() {
            tracing::warn!(
                namespace = self.0.amqp_namespace,
                "a test's queues were left behind"
            );
        }
    }
}

/// The test's own runtime may be ending.
fn in_own_runtime<T: Send + 'static>(
    work: impl Future<Output = anyhow::Result<T>> + Send + 'static,
) -> anyhow::Result<T> {
    let thread = std::thread::spawn(move || {
        tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?
            .block_on(work)
    });
    thread.join().unwrap_or_else(|_| bail!("it panicked"))
}

/// An address that nobody listens at.
///
/// # Panics
/// When the machine has no free port.
#[must_use]
pub fn free_addr() -> SocketAddr {
    // Below those that systems use for outgoing connections: one of these could take the port before the test does.
    const FIRST: u16 = 10_000;
    const COUNT: u16 = 20_000;
    static NEXT: LazyLock<AtomicU16> = LazyLock::new(|| AtomicU16::new(rand::random()));
    (0..COUNT)
        .find_map(|_| {
            let port = FIRST + NEXT.fetch_add(1, Ordering::Relaxed) % COUNT;
            let listener = std::net::TcpListener::bind(("127.0.0.1", port)).ok()?;
            listener.local_addr().ok()
        })
        .expect("a free port")
}

/// A database of its own, dropped with the value.
pub struct TestDatabase {
    pub url: Secret,
    pub pool: PgPool,
    name: String,
}

/// Makes an empty database and brings it up to date.
///
/// # Panics
/// When there is no PostgreSQL to be had.
pub async fn database(migrator: &Migrator) -> TestDatabase {
    let database = empty_database().await;
    postgres::migrate(&database.pool, migrator)
        .await
        .expect("migrations");
    database
}

/// Makes an empty database.
///
/// # Panics
/// When there is no PostgreSQL to be had.
pub async fn empty_database() -> TestDatabase {
    let name = format!("test_{}", Uuid::now_v7().simple());
    let options: PgConnectOptions = postgres_url().parse().expect("a PostgreSQL address");
    let mut server = options
        .connect()
        .await
        .expect("PostgreSQL for tests (see `make services`)");
    server
        .execute(sqlx::AssertSqlSafe(format!("create database {name}")))
        .await
        .expect("a role that may create databases");
    server.close().await.ok();
    let url = Secret::from(options.database(&name).to_url_lossy().to_string());
    let pool = postgres::connect(&url, 4).await.expect("a new database");
    TestDatabase { url, pool, name }
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        let name = self.name.clone();
        let dropped = in_own_runtime(async move {
            let options: PgConnectOptions = postgres_url().parse()?;
            let mut server = options.connect().await?;
            let drop = format!("drop database if exists {name} with (force)");
            let dropping = server.execute(sqlx::AssertSqlSafe(drop));
            // PostgreSQL makes a checkpoint of it, which takes seconds on a busy disk, and goes on with it when nobody
            // waits any more.
            if let Ok(dropped) = tokio::time::timeout(DROP, dropping).await {
                dropped.context("dropping a test's database")?;
            }
            Ok(())
        });
        if dropped.is_err() {
            tracing::warn!(name = self.name, "a test's database was left behind");
        }
    }
}

/// Stands between a client and a server, and fails on demand.
pub struct TcpProxy {
    addr: SocketAddr,
    state: watch::Sender<Line>,
    accepting: JoinHandle<()>,
}

/// What the proxy does with its connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Line {
    /// Bytes pass.
    Up,
    /// All connections are cut and new ones are closed at once.
    Cut,
    /// Requests pass; what the server answers is thrown away.
    RepliesLost,
}

impl TcpProxy {
    /// A proxy in front of `target` (`host:port`).
    ///
    /// # Panics
    /// When the machine has no free port.
    pub async fn start(target: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let addr = listener.local_addr().expect("a bound address");
        let (state, watching) = watch::channel(Line::Up);
        let target: Arc<str> = target.into();
        let accepting = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(pass(client, target.clone(), watching.clone()));
            }
        });
        Self {
            addr,
            state,
            accepting,
        }
    }

    /// A proxy in front of the server that a URL names.
    ///
    /// # Panics
    /// When the URL names no server, or the machine has no free port.
    pub async fn in_front_of(url: &str) -> Self {
        let url = Url::parse(url).expect("a URL");
        let standard_port = if url.scheme().starts_with("amqp") {
            5672
        } else {
            5432
        };
        let host = url.host_str().expect("a host");
        Self::start(&format!("{host}:{}", url.port().unwrap_or(standard_port))).await
    }

    /// The same URL by way of the proxy.
    ///
    /// # Panics
    /// When it names no server.
    #[must_use]
    pub fn route(&self, url: &str) -> String {
        let mut url = Url::parse(url).expect("a URL");
        url.set_host(Some("127.0.0.1")).expect("a host");
        url.set_port(Some(self.addr.port())).expect("a port");
        url.to_string()
    }

    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    pub fn set(&self, line: Line) {
        self.state.send_replace(line);
    }

    /// Cuts all connections and refuses new ones for a while.
    pub async fn outage(&self, lasting: Duration) {
        self.set(Line::Cut);
        tokio::time::sleep(lasting).await;
        self.set(Line::Up);
    }
}

impl Drop for TcpProxy {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn pass(client: TcpStream, target: Arc<str>, mut state: watch::Receiver<Line>) {
    if *state.borrow() == Line::Cut {
        return;
    }
    let Ok(server) = TcpStream::connect(target.as_ref()).await else {
        return;
    };
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = server.into_split();
    let line = state.clone();
    let answers = async move {
        let mut buffer = vec![0; 16 * 1024];
        loop {
            use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
            match from_server.read(&mut buffer).await {
                Ok(0) | Err(_) => return,
                Ok(_) if *line.borrow() == Line::RepliesLost => {}
                Ok(n) => {
                    if to_client.write_all(&buffer[..n]).await.is_err() {
                        return;
                    }
                }
            }
        }
    };
    tokio::select! {
        _ = tokio::io::copy(&mut from_client, &mut to_server) => {}
        () = answers => {}
        _ = state.wait_for(|line| *line == Line::Cut) => {}
    }
}

/// As much of identity-svc as a service needs that is tested alone: it publishes one key (Ed25519), and gives whoever asks
/// the same token.
#[must_use]
pub fn trust(kid: &str, key: [u8; 32], token: &str) -> TrustServiceServer<impl TrustService> {
    TrustServiceServer::new(Trust {
        kid: kid.to_owned(),
        key,
        token: token.to_owned(),
    })
}

struct Trust {
    kid: String,
    key: [u8; 32],
    token: String,
}

#[tonic::async_trait]
impl TrustService for Trust {
    async fn issue_token(
        &self,
        _: Request<IssueTokenRequest>,
    ) -> Result<Response<IssueTokenResponse>, Status> {
        Ok(Response::new(IssueTokenResponse {
            access_token: self.token.clone(),
            expires_in_seconds: 900,
        }))
    }

    async fn exchange_api_key(
        &self,
        _: Request<ExchangeApiKeyRequest>,
    ) -> Result<Response<ExchangeApiKeyResponse>, Status> {
        Err(Status::permission_denied("not here"))
    }

    async fn get_trust(
        &self,
        _: Request<GetTrustRequest>,
    ) -> Result<Response<GetTrustResponse>, Status> {
        Ok(Response::new(GetTrustResponse {
            keys: vec![PublicKey {
                kid: self.kid.clone(),
                ed25519: self.key.to_vec(),
            }],
            ended: Vec::new(),
            as_of_ms: chrono::Utc::now().timestamp_millis(),
            access_token_seconds: 900,
        }))
    }
}
