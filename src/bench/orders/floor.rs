//! The floor: pgbench writes what an order writes, one transaction an order, with nothing else in the way.

use std::{
    io::Write as _,
    path::{Path, PathBuf},
    process::Stdio,
    str::FromStr as _,
    time::Duration,
};

use anyhow::{Context as _, bail};
use sqlx::{
    Executor as _,
    postgres::{PgConnectOptions, PgSslMode},
};
use tempfile::NamedTempFile;
use tokio::process::Command;

use super::{Options, rows::Rows};
use crate::{
    bench::{
        cpu::{Cpu, Local},
        database::{Scratch, Server as Postgres},
        programs::candidates,
        stock,
    },
    system::Configs,
};

pub const DATABASE: &str = "easyorder_bench_orders_floor";
/// What an order of any number of lines writes. Two databases of the system are one here, so that it is one transaction.
const SCRIPT: &str = include_str!("floor.sql");
/// Beyond the time of a run.
const PATIENCE: Duration = Duration::from_secs(60);

/// A database with the tables of order-svc and inventory-svc, and a pgbench to write there.
pub struct Floor {
    program: PathBuf,
    script: NamedTempFile,
    database: Scratch,
}

/// One run.
#[derive(Debug, Clone)]
pub struct Run {
    pub transactions: u64,
    pub per_second: f64,
    /// The mean, milliseconds.
    pub latency_ms: f64,
    pub cpu: Cpu,
    /// All that it wrote.
    pub rows: Rows,
    pub problems: Vec<String>,
}

impl Floor {
    /// None when there is no pgbench on this machine.
    pub async fn build(
        postgres: &mut Postgres,
        configs: &Configs,
        skus: usize,
    ) -> anyhow::Result<Option<Self>> {
        let Some(program) = find().await else {
            return Ok(None);
        };
        let mut script = NamedTempFile::with_prefix("easyorder-bench-")?;
        script.write_all(SCRIPT.as_bytes())?;
        let database = postgres.scratch(DATABASE).await?;
        order_svc::migrate(&order_svc::Config {
            database_url: database.url.clone(),
            ..configs.order.clone()
        })
        .await?;
        move_schemas(&database, "order_svc").await?;
        inventory_svc::migrate(&inventory_svc::Config {
            database_url: database.url.clone(),
            ..configs.inventory.clone()
        })
        .await?;
        stock::fill(&database.pool, skus).await?;
        move_schemas(&database, "inventory_svc").await?;
        // They wake relays, of which there are none here.
        for schema in ["order_svc", "inventory_svc"] {
            let drop = format!("drop trigger if exists outbox_notify on {schema}.outbox");
            database.pool.execute(sqlx::AssertSqlSafe(drop)).await?;
        }
        // Of the customers that the script has; the system makes one with a customer's first order.
        let accounts = "insert into inventory_svc.loyalty_accounts (customer_id)
                        select lpad(to_hex(n), 32, '0')::uuid from generate_series(0, 31) as n";
        database.pool.execute(accounts).await?;
        Ok(Some(Self {
            program,
            script,
            database,
        }))
    }

    /// A run after its warm-up.
    pub async fn round(&self, options: &Options, local: Local) -> anyhow::Result<Run> {
        if options.warm_up > 0 {
            self.run(options, options.warm_up).await?;
        }
        self.database.analyze().await?;
        let orders = self.orders().await?;
        let rows = Rows::of_floor(&self.database).await?;
        let cpu = Cpu::now_of_pgbench(local);
        let output = self.run(options, options.seconds.get()).await?;
        let mut run = parse(&output).with_context(|| format!("what pgbench says:\n{output}"))?;
        run.cpu = Cpu::now_of_pgbench(local).since(&cpu);
        run.rows = Rows::of_floor(&self.database).await?.since(&rows);
        let written = self.orders().await? - orders;
        if u64::try_from(written) != Ok(run.transactions) {
            run.problems.push(format!(
                "pgbench says {} transactions, and {written} orders are in the database",
                run.transactions
            ));
        }
        Ok(run)
    }

    async fn orders(&self) -> anyhow::Result<i64> {
        let sql = "select count(*) from order_svc.orders where status = 'confirmed'";
        Ok(sqlx::query_scalar(sql)
            .fetch_one(&self.database.pool)
            .await?)
    }

    async fn run(&self, options: &Options, seconds: u32) -> anyhow::Result<String> {
        let clients = options.clients.get();
        let threads = std::thread::available_parallelism().map_or(1, |cores| cores.get());
        let mut command = Command::new(&self.program);
        command
            .args(["--no-vacuum", "--protocol", "prepared"])
            .args(["--client", &clients.to_string()])
            .args(["--jobs", &threads.min(clients).to_string()])
            .args(["--time", &seconds.to_string()])
            .args(["--define", &format!("skus={}", options.skus)])
            .args(["--define", &format!("lines={}", options.lines)])
            .arg("--file")
            .arg(self.script.path());
        connect(&mut command, &self.database)?;
        let running = command.stdin(Stdio::null()).kill_on_drop(true).output();
        let patience = Duration::from_secs(seconds.into()) + PATIENCE;
        let output = tokio::time::timeout(patience, running)
            .await
            .context("pgbench does not end")??;
        if !output.status.success() {
            let error = String::from_utf8_lossy(&output.stderr);
            bail!("pgbench: {}\n{error}", output.status);
        }
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }
}

/// The first that runs.
async fn find() -> Option<PathBuf> {
    for program in candidates("pgbench").await {
        if runs(&program).await {
            return Some(program);
        }
    }
    None
}

async fn runs(program: &Path) -> bool {
    let version = Command::new(program).arg("--version").output().await;
    version.is_ok_and(|version| version.status.success())
}

/// Where the database is, as libpq has it. The password is for no other process to see.
fn connect(command: &mut Command, database: &Scratch) -> anyhow::Result<()> {
    let url = database.url.expose();
    let options = PgConnectOptions::from_str(url)?;
    let host = match options.get_socket() {
        Some(socket) => socket.display().to_string(),
        None => options.get_host().to_owned(),
    };
    command
        .args(["--host", &host])
        .args(["--port", &options.get_port().to_string()])
        .args(["--username", options.get_username()])
        .arg(&database.name);
    if let Some(password) = reqwest::Url::parse(url)?.password() {
        let password = percent_encoding::percent_decode_str(password).decode_utf8()?;
        command.env("PGPASSWORD", password.as_ref());
    }
    // As the services do, which want no encryption where it is not required.
    if database.is_local
        && matches!(
            options.get_ssl_mode(),
            PgSslMode::Allow | PgSslMode::Prefer | PgSslMode::Disable
        )
    {
        command.env("PGSSLMODE", "disable");
    }
    Ok(())
}

/// Renames what the migrations of a service have made, so that those of the next find the place empty: `public` becomes
/// `order_svc`, `read_model` becomes `order_svc_read_model`.
async fn move_schemas(database: &Scratch, service: &'static str) -> anyhow::Result<()> {
    let schemas: Vec<String> = sqlx::query_scalar(
        "select nspname::text from pg_namespace
          where nspname !~ '^(pg_|information_schema$|order_svc|inventory_svc)'",
    )
    .fetch_all(&database.pool)
    .await?;
    for schema in schemas {
        let name = match schema.as_str() {
            "public" => service.to_owned(),
            schema => format!("{service}_{schema}"),
        };
        let rename = format!("alter schema \"{schema}\" rename to \"{name}\"");
        database.pool.execute(sqlx::AssertSqlSafe(rename)).await?;
    }
    database.pool.execute("create schema public").await?;
    Ok(())
}

/// Of the lines that pgbench ends with; which ones there are depends on its version.
fn parse(output: &str) -> Option<Run> {
    let after = |start: &str| {
        let rest = output.lines().find_map(|line| line.strip_prefix(start))?;
        let number = |c: char| c.is_ascii_digit() || c == '.';
        let number = rest.trim_start().split(|c| !number(c)).next()?;
        number.parse::<f64>().ok()
    };
    let failed = after("number of failed transactions:").unwrap_or_default();
    Some(Run {
        transactions: after("number of transactions actually processed:")? as u64,
        per_second: after("tps =")?,
        latency_ms: after("latency average =")?,
        cpu: Cpu::default(),
        rows: Rows::default(),
        problems: (failed > 0.0)
            .then(|| format!("{failed} transactions of pgbench failed"))
            .into_iter()
            .collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const OUTPUT: &str = "pgbench (15.20 (Debian 15.20-0+deb12u1))
transaction type: /tmp/easyorder-bench-x
scaling factor: 1
query mode: prepared
number of clients: 32
number of threads: 2
maximum number of tries: 1
duration: 2 s
number of transactions actually processed: 1536
number of failed transactions: 0 (0.000%)
latency average = 41.250 ms
initial connection time = 71.104 ms
tps = 775.757576 (without initial connection time)
";

    #[test]
    fn the_lines_of_pgbench_are_read() {
        let run = parse(OUTPUT).unwrap();
        assert_eq!(run.transactions, 1_536);
        assert_eq!(run.per_second, 775.757_576);
        assert_eq!(run.latency_ms, 41.25);
        assert_eq!(run.problems, Vec::<String>::new());
        let failed = OUTPUT.replace("transactions: 0 (0.000%)", "transactions: 3 (0.195%)");
        assert_eq!(
            parse(&failed).unwrap().problems,
            ["3 transactions of pgbench failed"]
        );
        assert!(parse("pgbench: error").is_none());
    }
}
