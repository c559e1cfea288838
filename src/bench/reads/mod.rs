//! `easyorder bench reads`.

mod busy;
mod lab;
mod questions;
mod readers;
mod rebuild;
mod report;
mod text;

use std::{num::NonZero, path::PathBuf, pin::pin, time::Duration};

use anyhow::bail;
use chassis::service::stop_requested;

pub use self::readers::bearer;
use self::{
    lab::Lab,
    report::{Report, Setup},
};
use super::{
    database::Server as Postgres,
    machine::Machine,
    seconds,
    shop::{Names, Shop},
};
use crate::system::Configs;

const NAMES: Names = Names {
    namespace: "easyorder-bench-reads",
    identity: "easyorder_bench_reads_identity",
    inventory: "easyorder_bench_reads_inventory",
    order: "easyorder_bench_reads_order",
    worker: "easyorder_bench_reads_worker",
};

/// What to measure.
#[derive(clap::Args, Debug, Clone)]
pub struct Options {
    /// Orders at first
    #[arg(long, value_name = "N", default_value = "10000")]
    pub small: NonZero<u64>,
    /// Orders in the end
    #[arg(long, value_name = "N", default_value = "1000000")]
    pub large: NonZero<u64>,
    /// How often each question is measured at each size
    #[arg(long, value_name = "N", default_value = "3")]
    pub rounds: NonZero<u32>,
    /// Seconds for which a question is asked in a round
    #[arg(long, value_name = "SECONDS", default_value = "2", value_parser = seconds)]
    pub seconds: Duration,
    /// Then build the read models anew while orders come in
    #[arg(long)]
    pub rebuild: bool,
    /// Orders a second that come in meanwhile
    #[arg(long, value_name = "N", default_value = "50")]
    pub rate: NonZero<u32>,
    /// Write the report as JSON, too
    #[arg(long, value_name = "FILE.json")]
    pub report: Option<PathBuf>,
}

/// Measures, and writes the report to standard output. True when no request has failed and no order is missing or stale.
///
/// # Errors
/// When PostgreSQL or RabbitMQ cannot be used, or it was interrupted.
pub async fn run(options: Options) -> anyhow::Result<bool> {
    if options.large <= options.small {
        bail!("--large: must be more orders than at first (--small)");
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
) -> anyhow::Result<Report> {
    let machine = Machine::of(postgres).await?;
    // Events of a benchmark that was killed are about orders that nobody knows.
    super::delete_topology(&configs.order.amqp, NAMES.namespace).await;
    let shop = Shop::build(postgres, configs, NAMES).await?;
    let configs = shop.configs(configs);
    let lab = Lab {
        options,
        configs: &configs,
        shop: &shop,
    };
    let measured = lab.measure().await?;
    let setup = Setup {
        small: options.small.get(),
        large: options.large.get(),
        rounds: options.rounds.get(),
        seconds: options.seconds.as_secs_f64(),
    };
    Ok(Report::new(machine, setup, measured))
}
