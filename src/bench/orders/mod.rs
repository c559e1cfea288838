//! `easyorder bench orders`.

mod clients;
mod count;
mod floor;
mod lab;
mod report;
mod rows;
mod text;

use std::{num::NonZero, path::PathBuf, pin::pin, sync::Arc};

use anyhow::bail;
use chassis::service::stop_requested;

use self::{
    floor::Floor,
    lab::Lab,
    report::{Report, Setup},
};
use super::{
    cpu::Local,
    database::{Server as Postgres, is_local},
    machine::Machine,
    shop::{Names, Shop},
    stock,
};
use crate::{system::Configs, zipf::Zipf};

/// The floor's database is another.
const NAMES: Names = Names {
    namespace: "easyorder-bench-orders",
    identity: "easyorder_bench_orders_identity",
    inventory: "easyorder_bench_orders_inventory",
    order: "easyorder_bench_orders_order",
    worker: "easyorder_bench_orders_worker",
};

/// What to measure.
#[derive(clap::Args, Debug, Clone)]
pub struct Options {
    /// Orders under way at once
    #[arg(long, value_name = "N", default_value = "32")]
    pub clients: NonZero<usize>,
    /// SKUs that are ordered, all alike; 1 is the hot product that everybody wants
    #[arg(long, value_name = "N", default_value = "10000")]
    pub skus: NonZero<usize>,
    /// Lines of each order, each one piece of another SKU
    #[arg(long, value_name = "N", default_value = "1")]
    pub lines: NonZero<usize>,
    /// Rounds, each with one of pgbench
    #[arg(long, value_name = "N", default_value = "3")]
    pub rounds: NonZero<u32>,
    /// Seconds of load in a round
    #[arg(long, value_name = "SECONDS", default_value = "10")]
    pub seconds: NonZero<u32>,
    /// Seconds of the same load before each round, not measured
    #[arg(long, value_name = "SECONDS", default_value_t = 2)]
    pub warm_up: u32,
    /// Write the report as JSON, too
    #[arg(long, value_name = "FILE.json")]
    pub report: Option<PathBuf>,
}

/// Measures, and writes the report to standard output. True when the databases agree with what was answered, and the floor
/// with what an order writes.
///
/// # Errors
/// When PostgreSQL or RabbitMQ cannot be used, or it was interrupted.
pub async fn run(options: Options) -> anyhow::Result<bool> {
    if options.lines > options.skus {
        bail!("--lines: an order cannot have more lines than there are SKUs (--skus)");
    }
    let configs = Configs::from_env()?;
    let mut stop = pin!(stop_requested());
    let mut postgres = tokio::select! {
        biased;
        _ = &mut stop => bail!("interrupted"),
        postgres = Postgres::of(&configs.order.database_url, "ORDER_DATABASE_URL") => postgres?,
    };
    // Services that run end with the measurement, whichever way that ends.
    let report = tokio::select! {
        biased;
        _ = &mut stop => Err(anyhow::anyhow!("interrupted")),
        report = measure(&options, &configs, &mut postgres) => report,
    };
    let cleaned = clean_up(&configs, &mut postgres).await;
    let report = report?;
    super::publish(&report, options.report.as_deref())?;
    cleaned?;
    Ok(report.problems.is_empty())
}

async fn clean_up(configs: &Configs, postgres: &mut Postgres) -> anyhow::Result<()> {
    for database in NAMES.databases().into_iter().chain([floor::DATABASE]) {
        postgres.drop(database).await?;
    }
    super::delete_topology(&configs.order.amqp, NAMES.namespace).await;
    Ok(())
}

async fn measure(
    options: &Options,
    configs: &Configs,
    postgres: &mut Postgres,
) -> anyhow::Result<Report> {
    let machine = Machine::of(postgres).await?;
    // Events of a benchmark that was killed are about orders that nobody knows.
    super::delete_topology(&configs.order.amqp, NAMES.namespace).await;
    let skus = options.skus.get();
    let shop = Shop::build(postgres, configs, NAMES).await?;
    stock::fill(&shop.inventory.pool, skus).await?;
    let floor = Floor::build(postgres, configs, skus).await?;
    let lab = Lab {
        options,
        shop: &shop,
        floor: floor.as_ref(),
        skus: Arc::new(Zipf::new(skus, 0.0)),
        progress: Arc::default(),
        local: Local {
            postgres: postgres.is_local(),
            rabbitmq: is_local(&configs.order.amqp),
        },
    };
    let measured = lab.measure().await?;
    let setup = Setup {
        clients: options.clients.get(),
        skus,
        lines: options.lines.get(),
        rounds: options.rounds.get(),
        seconds: options.seconds.get(),
        warm_up_seconds: options.warm_up,
    };
    Report::new(machine, setup, measured)
}
