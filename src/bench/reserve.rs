//! `easyorder bench reserve`.

use std::{io::Write as _, num::NonZero, path::PathBuf, pin::pin, sync::Arc, time::Duration};

use anyhow::{Context as _, bail};
use chassis::{amqp::Bus, config, service::stop_requested};
use inventory_svc::Reservations;

use super::{
    database::{Server as Postgres, is_local},
    fsync,
    lab::Lab,
    load::Load,
    report::{Machine, Report, Setup},
    server::{NAMESPACE, name},
    zipf::Zipf,
};

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
        postgres = Postgres::of(&config.database_url) => postgres?,
    };
    // A server that runs ends with the measurement, whichever way that ends.
    let report = tokio::select! {
        biased;
        _ = &mut stop => Err(anyhow::anyhow!("interrupted")),
        report = measure(&options, &config, &mut postgres) => report,
    };
    let cleaned = clean_up(&config, &mut postgres).await;
    let report = report?;
    write!(std::io::stdout().lock(), "{report}")?;
    if let Some(path) = options.report {
        let json = serde_json::to_vec_pretty(&report)?;
        std::fs::write(&path, json).with_context(|| format!("cannot write {}", path.display()))?;
    }
    cleaned?;
    Ok(report.problems.is_empty())
}

async fn clean_up(config: &inventory_svc::Config, postgres: &mut Postgres) -> anyhow::Result<()> {
    for way in [Reservations::Plain, Reservations::Batched] {
        postgres.drop(&database_name(way)).await?;
    }
    let amqp = chassis::amqp::Config {
        amqp_namespace: NAMESPACE.to_owned(),
        ..config.amqp.clone()
    };
    let deleting = async { Bus::new(&amqp, "bench").delete_topology().await };
    // Left behind, the queues vanish by themselves after a while.
    let _ = tokio::time::timeout(Duration::from_secs(10), deleting).await;
    Ok(())
}

async fn measure(
    options: &Options,
    config: &inventory_svc::Config,
    postgres: &mut Postgres,
) -> anyhow::Result<Report> {
    let machine = Machine {
        cores: std::thread::available_parallelism().map_or(1, NonZero::get),
        optimised: !cfg!(debug_assertions),
        postgres: postgres.settings().await?,
        fsync: fsync::measure().await,
    };
    let amqp = reqwest::Url::parse(config.amqp.amqp_url.expose()).ok();
    let lab = Lab {
        options,
        pool: config.database_pool,
        load: Arc::new(Load {
            callers: options.callers.get(),
            lines: options.lines.get(),
            skus: Zipf::new(options.skus.get(), options.zipf),
            progress: 0.into(),
        }),
        postgres_is_local: postgres.is_local(),
        rabbitmq_is_local: amqp.is_some_and(|url| url.host_str().is_some_and(is_local)),
    };
    let ways: Vec<Reservations> = match options.only {
        Some(way) => vec![way],
        None => vec![Reservations::Plain, Reservations::Batched],
    };
    let mut databases = Vec::new();
    for &way in &ways {
        let name = database_name(way);
        databases.push(postgres.scratch(&name, config, options.skus.get()).await?);
    }
    let mut rounds = Vec::new();
    for round in 1..=options.rounds.get() {
        for (&way, database) in ways.iter().zip(&databases) {
            rounds.push(lab.round(postgres, database, way, round).await?);
        }
    }
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
