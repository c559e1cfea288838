//! `easyorder bench gateway`.

mod callers;
mod lab;
mod nginx;
mod report;
mod targets;
mod text;

use std::{num::NonZero, path::PathBuf, pin::pin, sync::Arc, time::Duration};

use anyhow::bail;
use chassis::service::stop_requested;

use self::{
    lab::{Lab, Measured},
    report::{Cores, Report, Setup},
};
use super::{
    cores,
    cpu::Local,
    database::Server as Postgres,
    machine::Machine,
    seconds,
    shop::{Names, Shop},
    stock,
};
use crate::system::Configs;

const NAMES: Names = Names {
    namespace: "easyorder-bench-gateway",
    identity: "easyorder_bench_gateway_identity",
    inventory: "easyorder_bench_gateway_inventory",
    order: "easyorder_bench_gateway_order",
    worker: "easyorder_bench_gateway_worker",
};

/// What to measure.
#[derive(clap::Args, Debug, Clone)]
pub struct Options {
    /// Connections of the load generator, each with a request under way
    #[arg(long, value_name = "N", default_value = "32")]
    pub connections: NonZero<usize>,
    /// Products that are asked for, all alike
    #[arg(long, value_name = "N", default_value = "100")]
    pub skus: NonZero<usize>,
    /// Rounds of everything
    #[arg(long, value_name = "N", default_value = "5")]
    pub rounds: NonZero<u32>,
    /// Seconds of each load
    #[arg(long, value_name = "SECONDS", default_value = "3", value_parser = seconds)]
    pub seconds: Duration,
    /// Overload with orders, too
    #[arg(long)]
    pub orders: bool,
    /// Cores of the load generator, as `taskset -c` takes them
    #[arg(long, value_name = "CORES", default_value = "0")]
    pub generator_cores: String,
    /// Cores of all servers
    #[arg(long, value_name = "CORES", default_value = "1")]
    pub server_cores: String,
    /// Write the report as JSON, too
    #[arg(long, value_name = "FILE.json")]
    pub report: Option<PathBuf>,
}

/// Measures, and writes the report to standard output. True when no request has failed but those that were refused because
/// there was too much to do.
///
/// # Errors
/// When PostgreSQL or RabbitMQ cannot be used, or it was interrupted.
pub async fn run(options: Options) -> anyhow::Result<bool> {
    let configs = Configs::from_env()?;
    let mut stop = pin!(stop_requested());
    let mut postgres = tokio::select! {
        biased;
        _ = &mut stop => bail!("interrupted"),
        postgres = Postgres::of(&configs.order.database_url, "ORDER_DATABASE_URL") => postgres?,
    };
    // Before this process is told how few of its cores it may use.
    let machine = Machine::of(&mut postgres).await?;
    let pinned = Pinned::pin(&options, &mut postgres).await?;
    // Services that run end with the measurement, whichever way that ends.
    let measured = tokio::select! {
        biased;
        _ = &mut stop => Err(anyhow::anyhow!("interrupted")),
        measured = measure(&options, &configs, &mut postgres, pinned.cores(&options)) => measured,
    };
    pinned.unpin().await;
    let cleaned = clean_up(&configs, &mut postgres).await;
    let (setup, measured) = measured?;
    let report = Report::new(machine, setup, measured);
    super::publish(&report, options.report.as_deref())?;
    cleaned?;
    Ok(report.problems.is_empty())
}

/// What has been moved to cores of its own.
struct Pinned {
    /// This process, and so the load.
    generator: bool,
    /// PostgreSQL, and where it was before.
    postgres: Option<(u32, String)>,
}

impl Pinned {
    async fn pin(options: &Options, postgres: &mut Postgres) -> anyhow::Result<Self> {
        if !cores::pin(std::process::id(), &options.generator_cores).await {
            return Ok(Self {
                generator: false,
                postgres: None,
            });
        }
        let postmaster = postgres.postmaster().await?;
        let before = postmaster.and_then(|pid| Some((pid, cores::of(pid)?)));
        let postgres = match before {
            Some((pid, before)) if cores::pin(pid, &options.server_cores).await => {
                Some((pid, before))
            }
            _ => None,
        };
        Ok(Self {
            generator: true,
            postgres,
        })
    }

    fn cores(&self, options: &Options) -> Option<Cores> {
        self.generator.then(|| Cores {
            generator: options.generator_cores.clone(),
            servers: options.server_cores.clone(),
            postgres: self.postgres.is_some(),
        })
    }

    async fn unpin(self) {
        if let Some((pid, cores)) = self.postgres {
            cores::pin(pid, &cores).await;
        }
    }
}

async fn clean_up(configs: &Configs, postgres: &mut Postgres) -> anyhow::Result<()> {
    for database in NAMES.databases() {
        postgres.drop(database).await?;
    }
    super::delete_topology(&configs.order.amqp, NAMES.namespace).await;
    Ok(())
}

async fn measure(
    options: &Options,
    configs: &Configs,
    postgres: &mut Postgres,
    cores: Option<Cores>,
) -> anyhow::Result<(Setup, Measured)> {
    // Events of a benchmark that was killed are about orders that nobody knows.
    super::delete_topology(&configs.order.amqp, NAMES.namespace).await;
    let shop = Shop::build(postgres, configs, NAMES).await?;
    stock::fill(&shop.inventory.pool, options.skus.get()).await?;
    let lab = Lab {
        options,
        shop: &shop,
        cores: cores.as_ref().map(|cores| cores.servers.as_str()),
        local: Local {
            postgres: postgres.is_local(),
            rabbitmq: false,
        },
        progress: Arc::default(),
    };
    let measured = lab.measure().await?;
    let setup = Setup {
        connections: options.connections.get(),
        skus: options.skus.get(),
        rounds: options.rounds.get(),
        seconds: options.seconds.as_secs_f64(),
        cores,
    };
    Ok((setup, measured))
}
