//! The databases of a benchmark: made for it, filled for it, counted, dropped.

use std::{str::FromStr as _, time::Duration};

use anyhow::Context as _;
use chassis::{config::Secret, postgres};
use serde::Serialize;
use sqlx::{ConnectOptions as _, Executor as _, PgConnection, PgPool, postgres::PgConnectOptions};

use crate::say_error;

/// Two benchmarks at once would measure each other, and drop each other's databases.
const LOCK: i64 = 0x6561_7379_6265_6e63;
/// So that nothing is ever refused.
const STOCK: i64 = 1_000_000_000_000;

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
    /// The server of this database; waits while another benchmark has it.
    pub async fn of(url: &Secret) -> anyhow::Result<Self> {
        // Its error may quote the address, and with it the password.
        let options = PgConnectOptions::from_str(url.expose())
            .ok()
            .context("INVENTORY_DATABASE_URL is no address of a database")?;
        let mut connection = options
            .clone()
            .database("postgres")
            .connect()
            .await
            .context("cannot use the server of INVENTORY_DATABASE_URL")?;
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
        self.options.get_socket().is_some() || is_local(self.options.get_host())
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

    /// A database with the tables of inventory-svc and so many products. One that was left behind is dropped first.
    pub async fn scratch(
        &mut self,
        name: &str,
        config: &inventory_svc::Config,
        skus: usize,
    ) -> anyhow::Result<Scratch> {
        self.drop(name).await?;
        let create = format!("create database {name}");
        self.connection
            .execute(sqlx::AssertSqlSafe(create))
            .await
            .with_context(|| format!("cannot create the database {name}"))?;
        let options = self.options.clone().database(name);
        let url = Secret::from(options.to_url_lossy().to_string());
        let config = inventory_svc::Config {
            database_url: url.clone(),
            ..config.clone()
        };
        inventory_svc::migrate(&config).await?;
        let pool = postgres::connect(&url, 2).await?;
        fill(&pool, skus).await?;
        Ok(Scratch {
            name: name.to_owned(),
            url,
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

/// Whether a host is this machine.
pub fn is_local(host: &str) -> bool {
    ["localhost", "127.0.0.1", "::1", "[::1]"].contains(&host) || host.starts_with('/')
}

/// The SKU of a number from 0.
pub fn sku(number: usize) -> String {
    format!("BENCH-{}", number + 1)
}

/// Straight into the tables: what is measured comes after.
async fn fill(pool: &PgPool, skus: usize) -> anyhow::Result<()> {
    let skus: Vec<String> = (0..skus).map(sku).collect();
    for statement in [
        "insert into products (sku, name, price, currency) select sku, sku, 100, 'GBP' from unnest($1::text[]) as t (sku)",
        "insert into stock (sku, on_hand) select sku, $2 from unnest($1::text[]) as t (sku)",
        "insert into stock_movements (sku, kind, on_hand_delta, reserved_delta)
         select sku, 'receipt', $2, 0 from unnest($1::text[]) as t (sku)",
        "insert into read_model.products (sku, name, price, currency, version, in_stock, created_at, updated_at)
         select sku, name, price, currency, version, $2 > 0, created_at, updated_at
           from products where sku = any($1::text[])",
    ] {
        // The first statement has no use for the second value, and PostgreSQL minds.
        let query = sqlx::query(statement).bind(&skus);
        let query = if statement.contains("$2") {
            query.bind(STOCK)
        } else {
            query
        };
        query.execute(pool).await?;
    }
    pool.execute("analyze").await?;
    Ok(())
}

/// One database of a benchmark.
pub struct Scratch {
    pub name: String,
    pub url: Secret,
    pool: PgPool,
}

/// What a database holds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, sqlx::FromRow)]
pub struct Count {
    pub held: i64,
    /// Holds in any other state: nobody settles one here.
    pub other: i64,
    /// Pieces on the lines of all holds.
    pub pieces: i64,
    /// Pieces reserved, by the stock.
    pub reserved: i64,
    /// Pieces reserved, by the movements.
    pub moved: i64,
    /// SKUs whose stock does not agree with the lines.
    pub wrong_skus: i64,
}

impl Scratch {
    pub async fn count(&self) -> anyhow::Result<Count> {
        let count = sqlx::query_as(
            "with lines as (select sku, sum(quantity - released)::bigint as pieces from hold_lines group by sku)
             select (select count(*) from holds where state = 'HELD') as held,
                    (select count(*) from holds where state <> 'HELD') as other,
                    (select coalesce(sum(pieces), 0)::bigint from lines) as pieces,
                    (select coalesce(sum(reserved), 0)::bigint from stock) as reserved,
                    (select coalesce(sum(reserved_delta), 0)::bigint from stock_movements) as moved,
                    (select count(*) from stock left join lines using (sku)
                      where reserved <> coalesce(pieces, 0)) as wrong_skus",
        )
        .fetch_one(&self.pool)
        .await?;
        Ok(count)
    }

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
