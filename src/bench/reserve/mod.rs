//! `easyorder bench reserve`.

mod callers;
mod lab;
mod report;
mod text;

use std::{num::NonZero, path::PathBuf, pin::pin, sync::Arc};

use anyhow::bail;
use chassis::{config, service::stop_requested, tls};
use clap::ValueEnum as _;
use inventory_svc::Reservations;

use self::{
    lab::Lab,
    report::{Report, Setup},
};
use super::{
    cpu::Local,
    database::{Scratch, Server as Postgres, is_local},
    machine::Machine,
    server::{Server, Service, free_addrs},
    stock,
};
use crate::{system::grpc_url, zipf::Zipf};

/// No hold of a benchmark ends, however long it runs.
const HOLD_SECONDS: i32 = 7 * 86_400;
/// The callers are vouched for by an identity-svc of the benchmark's own.
const IDENTITY_DATABASE: &str = "easyorder_bench_reserve_identity";
/// Sets its exchanges and queues apart from those of a system.
const NAMESPACE: &str = "easyorder-bench";

/// What to measure.
#[derive(clap::Args, Debug, Clone)]
pub struct Options {
    /// Reservations under way at once
    #[arg(long, value_name = "N", default_value = "256")]
    pub callers: NonZero<usize>,
    /// SKUs that are asked for; 1 is the hot product that everybody wants
    #[arg(long, value_name = "N", default_value = "1")]
    pub skus: NonZero<usize>,
    /// How uneven the demand is: the k-th SKU is asked for in proportion to 1/k^EXPONENT; 0: all alike, 1: as in
    /// most shops
    #[arg(long, value_name = "EXPONENT", default_value_t = 0.0, value_parser = exponent)]
    pub zipf: f64,
    /// Lines of each reservation, each one piece of another SKU
    #[arg(long, value_name = "N", default_value = "1")]
    pub lines: NonZero<usize>,
    /// gRPC connections that the callers share; each carries 200 calls at once
    #[arg(long, value_name = "N", default_value = "4")]
    pub connections: NonZero<usize>,
    /// Rounds of each way of writing
    #[arg(long, value_name = "N", default_value = "3")]
    pub rounds: NonZero<u32>,
    /// Seconds that a round is measured
    #[arg(long, value_name = "SECONDS", default_value = "10")]
    pub seconds: NonZero<u32>,
    /// Seconds of the same load before each round, not measured
    #[arg(long, value_name = "SECONDS", default_value_t = 2)]
    pub warm_up: u32,
    /// Measure one way of writing alone
    #[arg(long, value_name = "WAY")]
    pub only: Option<Reservations>,
    /// Write the report as JSON, too
    #[arg(long, value_name = "FILE.json")]
    pub report: Option<PathBuf>,
}

fn exponent(text: &str) -> Result<f64, &'static str> {
    text.parse()
        .ok()
        .filter(|exponent| (0.0..=10.0).contains(exponent))
        .ok_or("expected a number from 0 to 10")
}

/// As `INVENTORY_RESERVATIONS` has it.
fn name(reservations: Reservations) -> String {
    reservations
        .to_possible_value()
        .map(|value| value.get_name().to_owned())
        .unwrap_or_default()
}

/// The database of each way of writing.
fn database_name(way: Reservations) -> String {
    format!("easyorder_bench_{}", name(way))
}

/// Measures, and writes the report to standard output. True when the database agrees with what was answered.
///
/// # Errors
/// When PostgreSQL or RabbitMQ cannot be used, or it was interrupted.
pub async fn run(options: Options) -> anyhow::Result<bool> {
    if options.lines > options.skus {
        bail!("--lines: a reservation cannot have more lines than there are SKUs (--skus)");
    }
    let config: inventory_svc::Config = config::from_env()?;
    let mut stop = pin!(stop_requested());
    let mut postgres = tokio::select! {
        biased;
        _ = &mut stop => bail!("interrupted"),
        postgres = Postgres::of(&config.database_url, "INVENTORY_DATABASE_URL") => postgres?,
    };
    // A server that runs ends with the measurement, whichever way that ends.
    let report = tokio::select! {
        biased;
        _ = &mut stop => Err(anyhow::anyhow!("interrupted")),
        report = measure(&options, &config, &mut postgres) => report,
    };
    let cleaned = clean_up(&config, &mut postgres).await;
    let report = report?;
    super::publish(&report, options.report.as_deref())?;
    cleaned?;
    Ok(report.problems.is_empty())
}

async fn clean_up(config: &inventory_svc::Config, postgres: &mut Postgres) -> anyhow::Result<()> {
    postgres.drop(IDENTITY_DATABASE).await?;
    for way in [Reservations::Plain, Reservations::Batched] {
        postgres.drop(&database_name(way)).await?;
    }
    super::delete_topology(&config.amqp, NAMESPACE).await;
    Ok(())
}

/// identity-svc on this database, when it is ready, and where it answers gRPC.
async fn start_identity(database: &Scratch, tls: &tls::Config) -> anyhow::Result<(Server, String)> {
    let [http, grpc] = free_addrs()?;
    let variables = [
        ("IDENTITY_HTTP_ADDR", http.to_string()),
        ("IDENTITY_GRPC_ADDR", grpc.to_string()),
        ("IDENTITY_DATABASE_URL", database.url.expose().to_owned()),
        ("AMQP_NAMESPACE", NAMESPACE.to_owned()),
    ];
    let mut server = Server::start(Service::IdentitySvc, http, &variables)?;
    server.ready().await?;
    Ok((server, grpc_url(grpc, tls)))
}

async fn measure(
    options: &Options,
    config: &inventory_svc::Config,
    postgres: &mut Postgres,
) -> anyhow::Result<Report> {
    let machine = Machine::of(postgres).await?;
    let identity = postgres.scratch(IDENTITY_DATABASE).await?;
    let (identity, identity_grpc_url) = start_identity(&identity, &config.auth.tls).await?;
    let lab = Lab {
        auth: chassis::auth::Config {
            identity_grpc_url,
            ..config.auth.clone()
        },
        options,
        pool: config.database_pool,
        skus: Arc::new(Zipf::new(options.skus.get(), options.zipf)),
        progress: Arc::default(),
        local: Local {
            postgres: postgres.is_local(),
            rabbitmq: is_local(&config.amqp),
        },
    };
    let ways: Vec<Reservations> = match options.only {
        Some(way) => vec![way],
        None => vec![Reservations::Plain, Reservations::Batched],
    };
    let mut databases = Vec::new();
    for &way in &ways {
        let database = postgres.scratch(&database_name(way)).await?;
        let config = inventory_svc::Config {
            database_url: database.url.clone(),
            ..config.clone()
        };
        inventory_svc::migrate(&config).await?;
        stock::fill(&database.pool, options.skus.get()).await?;
        databases.push(database);
    }
    let mut rounds = Vec::new();
    for round in 1..=options.rounds.get() {
        for (&way, database) in ways.iter().zip(&databases) {
            rounds.push(lab.round(postgres, database, way, round).await?);
        }
    }
    identity.stop().await;
    let setup = Setup {
        callers: options.callers.get(),
        connections: options.connections.get(),
        skus: options.skus.get(),
        zipf: options.zipf,
        lines: options.lines.get(),
        rounds: options.rounds.get(),
        seconds: options.seconds.get(),
        warm_up_seconds: options.warm_up,
    };
    Report::new(machine, setup, rounds)
}
