//! `easyorder bench`: how much the system carries, measured.

mod cpu;
mod database;
mod fsync;
mod lab;
mod load;
mod report;
mod reserve;
mod server;
mod text;
mod zipf;

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
    /// The server under test; ends when its standard input does
    #[command(hide = true)]
    ServeInventory,
}

/// Does what was asked for. True when all is well.
///
/// # Errors
/// When it could not be measured at all.
pub async fn run(command: Command) -> anyhow::Result<bool> {
    match command {
        Command::Reserve(options) => reserve::run(options).await,
        Command::ServeInventory => server::serve().await.map(|()| true),
    }
}
