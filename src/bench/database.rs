//! The databases of a benchmark: made for it, filled for it, counted, dropped.

use std::{str::FromStr as _, time::Duration};

use anyhow::Context as _;
use chassis::{amqp, config::Secret, postgres};
use serde::Serialize;
use sqlx::{ConnectOptions as _, Executor as _, PgConnection, PgPool, postgres::PgConnectOptions};

use super::cpu;
use crate::say_error;

/// Two benchmarks at once would measure each other, and drop each other's databases.
const LOCK: i64 = 0x6561_7379_6265_6e63;

/// The PostgreSQL server that the benchmark may use, alone of its kind.
pub struct Server {
    options: PgConnectOptions,
    connection: PgConnection,
}

/// What bounds a database's speed.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Settings {
    pub version: String,
    pub fsync: String,
    pub synchronous_commit: String,
}

impl Server {
    /// The server of this database, which is the value of `variable`; waits while another benchmark has it.
    pub async fn of(url: &Secret, variable: &'static str) -> anyhow::Result<Self> {
        // Its error may quote the address, and with it the password.
        let options = PgConnectOptions::from_str(url.expose())
            .ok()
            .with_context(|| format!("{variable} is no address of a database"))?;
        let mut connection = options
            .clone()
            .database("postgres")
            .connect()
            .await
            .with_context(|| format!("cannot use the server of {variable}"))?;
        let free: bool = sqlx::query_scalar("select pg_try_advisory_lock($1)")
            .bind(LOCK)
            .fetch_one(&mut connection)
            .await?;
        if !free {
            say_error(format_args!(
                "Another benchmark runs on this server; waiting for its end."
            ));
            sqlx::query("select pg_advisory_lock($1)")
                .bind(LOCK)
                .execute(&mut connection)
                .await?;
        }
        Ok(Self {
            options,
            connection,
        })
    }

    /// Whether its processes are on this machine.
    pub fn is_local(&self) -> bool {
        self.options.get_socket().is_some() || is_this_machine(self.options.get_host())
    }

    /// Its first process, which starts all others; None where it cannot be seen.
    pub async fn postmaster(&mut self) -> anyhow::Result<Option<u32>> {
        let backend: i32 = sqlx::query_scalar("select pg_backend_pid()")
            .fetch_one(&mut self.connection)
            .await?;
        let is_local = self.is_local();
        Ok(is_local
            .then(|| cpu::parent(backend.unsigned_abs(), "postgres"))
            .flatten())
    }

    pub async fn settings(&mut self) -> anyhow::Result<Settings> {
        let (version, fsync, synchronous_commit) = sqlx::query_as(
            "select current_setting('server_version'), current_setting('fsync'), current_setting('synchronous_commit')",
        )
        .fetch_one(&mut self.connection)
        .await?;
        Ok(Settings {
            version,
            fsync,
            synchronous_commit,
        })
    }

    /// An empty database. One that was left behind is dropped first.
    pub async fn scratch(&mut self, name: &str) -> anyhow::Result<Scratch> {
        self.drop(name).await?;
        let create = format!("create database {name}");
        self.connection
            .execute(sqlx::AssertSqlSafe(create))
            .await
            .with_context(|| format!("cannot create the database {name}"))?;
        let options = self.options.clone().database(name);
        let url = Secret::from(options.to_url_lossy().to_string());
        let pool = postgres::connect(&url, 2).await?;
        Ok(Scratch {
            name: name.to_owned(),
            url,
            is_local: self.is_local(),
            pool,
        })
    }

    pub async fn drop(&mut self, name: &str) -> anyhow::Result<()> {
        let drop = format!("drop database if exists {name} with (force)");
        self.connection
            .execute(sqlx::AssertSqlSafe(drop))
            .await
            .with_context(|| format!("cannot drop the database {name}"))?;
        Ok(())
    }

    /// Transactions that were committed in this database, as far as its connections have told.
    pub async fn commits(&mut self, database: &Scratch) -> anyhow::Result<u64> {
        let commits: i64 =
            sqlx::query_scalar("select xact_commit from pg_stat_database where datname = $1")
                .bind(&database.name)
                .fetch_one(&mut self.connection)
                .await?;
        Ok(commits.unsigned_abs())
    }
}

/// Whether RabbitMQ is on this machine.
pub fn is_local(amqp: &amqp::Config) -> bool {
    reqwest::Url::parse(amqp.amqp_url.expose())
        .is_ok_and(|url| url.host_str().is_some_and(is_this_machine))
}

fn is_this_machine(host: &str) -> bool {
    ["localhost", "127.0.0.1", "::1", "[::1]"].contains(&host) || host.starts_with('/')
}

/// One database of a benchmark.
pub struct Scratch {
    pub name: String,
    pub url: Secret,
    /// Whether its server is on this machine.
    pub is_local: bool,
    pub pool: PgPool,
}

impl Scratch {
    /// Events that wait to be published.
    pub async fn unpublished(&self) -> anyhow::Result<i64> {
        let count = sqlx::query_scalar("select count(*) from outbox where published_at is null")
            .fetch_one(&self.pool)
            .await?;
        Ok(count)
    }

    /// Tells the planner how full the tables are.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn analyze(&self) -> anyhow::Result<()> {
        self.pool.execute("analyze").await?;
        Ok(())
    }

    /// Waits until every event is published.
    pub async fn drained(&self, patience: Duration) -> anyhow::Result<()> {
        let draining = async {
            while self.unpublished().await? > 0 {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            anyhow::Ok(())
        };
        tokio::time::timeout(patience, draining)
            .await
            .context("the events of a round are not published in time: is RabbitMQ well?")?
    }
}
