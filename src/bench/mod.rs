//! `easyorder bench`: how much the system carries, measured.

mod cores;
mod cpu;
mod database;
mod figures;
mod fsync;
mod gateway;
mod load;
mod machine;
mod orders;
mod pace;
mod programs;
mod progress;
mod reads;
mod reserve;
mod server;
mod settle;
mod shop;
mod stock;
mod text;

use std::{fmt::Display, io::Write as _, path::Path, time::Duration};

use anyhow::Context as _;
use chassis::amqp::{self, Bus};
use serde::Serialize;

#[derive(clap::Subcommand, Debug, Clone)]
pub enum Command {
    /// How many reservations a second inventory-svc grants, batched and one by one, side by side
    ///
    /// Runs inventory-svc in a process of its own, on databases made for this (easyorder_bench_plain and
    /// easyorder_bench_batched, beside that of INVENTORY_DATABASE_URL, dropped in the end) and on RabbitMQ queues of
    /// its own, and keeps N callers busy: each sends its next reservation as soon as the last one is answered. Rounds
    /// alternate between the two ways of writing. After each, the database is compared with what was answered; a
    /// difference is a failure.
    ///
    /// Other work on the machine changes the figures: measure on a quiet one.
    #[command(verbatim_doc_comment)]
    Reserve(reserve::Options),
    /// How many orders a second the whole system takes, and what one costs, beside a bare PostgreSQL
    ///
    /// Runs each service in a process of its own, on databases made for this (easyorder_bench_orders_*, beside that of
    /// ORDER_DATABASE_URL, dropped in the end) and on RabbitMQ queues of its own, and keeps N clients busy: each places
    /// its next order through the gateway as soon as the last one is answered. A round ends when all that follows from
    /// its orders is done: events published, orders confirmed, read models complete, mails written. Then the databases
    /// are compared with what was answered; a difference is a failure.
    ///
    /// In turn with the rounds, pgbench writes what an order writes, one transaction an order: the floor. That it
    /// does write the same is counted, row by row; a difference is a failure, too.
    ///
    /// Other work on the machine changes the figures: measure on a quiet one.
    #[command(verbatim_doc_comment)]
    Orders(orders::Options),
    /// Whether lists and orders are read as quickly among a million orders as among ten thousand
    ///
    /// Runs each service in a process of its own, on databases made for this (easyorder_bench_reads_*, beside that of
    /// ORDER_DATABASE_URL, dropped in the end) and on RabbitMQ queues of its own. Generates orders (see `easyorder
    /// generate`), asks the gateway for pages of lists and for orders, one caller at a time and eight, generates more and
    /// asks the same again. A million orders need about 15 GB of disk.
    ///
    /// With --rebuild, both read models are then built anew while orders come in at a steady pace and others read. It is
    /// a failure if any request fails meanwhile, if an order that was acknowledged is missing or stale afterwards, or if the
    /// audit of order-svc finds anything.
    ///
    /// Other work on the machine changes the figures: measure on a quiet one.
    #[command(verbatim_doc_comment)]
    Reads(reads::Options),
    /// What the gateway costs, beside the service itself and nginx, and what it does when there is too much to do
    ///
    /// Runs each service in a process of its own, on databases made for this (easyorder_bench_gateway_*, beside that of
    /// ORDER_DATABASE_URL, dropped in the end) and on RabbitMQ queues of its own, all of them on one core and the load
    /// generator on another, and PostgreSQL with the services if this user may move it (it is moved back in the end). Asks
    /// for products: straight at inventory-svc, through gateways with and without their cache, rate limits and access log,
    /// and through nginx, if there is one. Rounds alternate between them: as many requests as they answer, then at half of
    /// each one's peak, then at one rate for all.
    ///
    /// Then comes more than the gateway can do, by a clock that waits for nobody: how much of it is still answered, and how
    /// soon the rest is refused. With --orders the same for orders. Any other failure than such a refusal is a failure of
    /// the benchmark.
    ///
    /// Other work on the machine changes the figures: measure on a quiet one.
    #[command(verbatim_doc_comment)]
    Gateway(gateway::Options),
    /// A service under test; ends when its standard input does
    #[command(hide = true)]
    Serve { service: server::Service },
}

/// Does what was asked for. True when all is well.
///
/// # Errors
/// When it could not be measured at all.
pub async fn run(command: Command) -> anyhow::Result<bool> {
    match command {
        Command::Reserve(options) => reserve::run(options).await,
        Command::Orders(options) => orders::run(options).await,
        Command::Reads(options) => reads::run(options).await,
        Command::Gateway(options) => gateway::run(options).await,
        Command::Serve { service } => server::serve(service).await.map(|()| true),
    }
}

/// A part of a second will do.
fn seconds(text: &str) -> Result<Duration, &'static str> {
    text.parse()
        .ok()
        .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
        .filter(|duration| !duration.is_zero())
        .ok_or("expected a number of seconds, more than none")
}

/// Writes a report to standard output, and as JSON into the file.
fn publish(report: &(impl Display + Serialize), file: Option<&Path>) -> anyhow::Result<()> {
    write!(std::io::stdout().lock(), "{report}")?;
    if let Some(path) = file {
        let json = serde_json::to_vec_pretty(report)?;
        std::fs::write(path, json).with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(())
}

async fn delete_topology(config: &amqp::Config, namespace: &str) {
    let config = amqp::Config {
        amqp_namespace: namespace.to_owned(),
        ..config.clone()
    };
    let deleting = async { Bus::new(&config, "bench").delete_topology().await };
    // Left behind, the queues vanish by themselves after a while.
    let _ = tokio::time::timeout(Duration::from_secs(10), deleting).await;
}
