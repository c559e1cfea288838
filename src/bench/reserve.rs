//! `easyorder bench reserve`.

use std::{
    convert::Infallible,
    io::{IsTerminal as _, Write as _},
    num::NonZero,
    path::PathBuf,
    pin::pin,
    sync::{Arc, atomic::Ordering},
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail};
use chassis::{amqp::Bus, config, grpc, service::stop_requested};
use indicatif::{ProgressBar, ProgressStyle};
use inventory_svc::Reservations;
use proto::inventory::v1::{
    GetAvailabilityRequest, inventory_service_client::InventoryServiceClient,
};
use tonic::transport::Channel;

use super::{
    cpu::Cpu,
    database::{Count, Scratch, Server as Postgres, is_local, sku},
    fsync,
    load::{self, Load, Tally},
    report::{Machine, Measured, Report, Setup},
    server::{NAMESPACE, Server, name},
    zipf::Zipf,
};

/// Events are published at thousands a second.
const DRAIN: Duration = Duration::from_secs(300);
/// A connection of PostgreSQL tells what it has done once a second, and only when it has done something.
const STATS_INTERVAL: Duration = Duration::from_millis(1_100);

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

/// What all rounds have in common.
struct Lab<'a> {
    options: &'a Options,
    load: Arc<Load>,
    /// Connections of the server under test.
    pool: u32,
    postgres_is_local: bool,
    rabbitmq_is_local: bool,
}

impl Lab<'_> {
    async fn round(
        &self,
        postgres: &mut Postgres,
        database: &Scratch,
        way: Reservations,
        round: u32,
    ) -> anyhow::Result<Measured> {
        let title = format!("{} {round}/{}", name(way), self.options.rounds);
        let server = Server::start(database, way).await?;
        let channels: Vec<Channel> = (0..self.options.connections.get())
            .map(|_| grpc::channel(&server.grpc_url))
            .collect::<anyhow::Result<_>>()?;

        let before = database.count().await?;
        let warm_up = Duration::from_secs(self.options.warm_up.into());
        let warm = self.busy(&channels, warm_up, &title, true).await?;
        // The events of the warm-up are not the round's to publish.
        database.drained(DRAIN).await?;
        self.tell_stats(&channels).await?;
        let commits = postgres.commits(database).await?;
        let cpu = self.cpu(&server);

        let seconds = Duration::from_secs(self.options.seconds.get().into());
        let tally = self.busy(&channels, seconds, &title, false).await?;

        let unpublished = database.unpublished().await?;
        self.tell_stats(&channels).await?;
        let transactions = postgres.commits(database).await? - commits;
        let ended = Instant::now();
        database.drained(DRAIN).await?;
        let drain = ended.elapsed();
        let cpu = self.cpu(&server).since(cpu);
        let after = database.count().await?;
        server.stop().await;

        let problems = compare(before, after, &[&warm, &tally], self.options.lines.get());
        let measured = Measured {
            way: name(way),
            round,
            seconds: seconds.as_secs_f64(),
            // Asking for them has cost some.
            transactions: transactions.saturating_sub(self.pokes()),
            tally,
            cpu,
            unpublished,
            drain,
            problems,
        };
        let _ = writeln!(
            std::io::stderr(),
            "{title:<12} {:>9} reservations/s",
            indicatif::HumanCount(measured.per_second().round() as u64).to_string(),
        );
        Ok(measured)
    }

    fn cpu(&self, server: &Server) -> Cpu {
        Cpu::now(
            Some(server.pid),
            self.postgres_is_local,
            self.rabbitmq_is_local,
        )
    }

    /// Load for so long, with a bar on a terminal.
    async fn busy(
        &self,
        channels: &[Channel],
        duration: Duration,
        title: &str,
        warm_up: bool,
    ) -> anyhow::Result<Tally> {
        let bar = ProgressBar::new(u64::try_from(duration.as_millis())?);
        if let Ok(style) = ProgressStyle::with_template("{prefix:<12} [{wide_bar}] {msg}") {
            bar.set_style(style.progress_chars("=> "));
        }
        bar.set_prefix(title.to_owned());
        self.load.progress.store(0, Ordering::Relaxed);
        let run = load::run(&self.load, channels, duration);
        let tally = if std::io::stderr().is_terminal() {
            tokio::select! {
                tally = run => tally,
                never = self.watch(&bar, warm_up) => match never {},
            }
        } else {
            run.await
        };
        bar.finish_and_clear();
        tally
    }

    async fn watch(&self, bar: &ProgressBar, warm_up: bool) -> Infallible {
        let begun = Instant::now();
        let word = if warm_up { " (warming up)" } else { "" };
        loop {
            tokio::time::sleep(Duration::from_millis(250)).await;
            let elapsed = begun.elapsed();
            let granted = self.load.progress.load(Ordering::Relaxed);
            let rate = granted as f64 / elapsed.as_secs_f64();
            bar.set_position(u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX));
            bar.set_message(format!("{rate:.0}/s{word}"));
        }
    }

    fn pokes(&self) -> u64 {
        u64::from(self.pool) * 4
    }

    /// Makes each connection of the server tell PostgreSQL's statistics what it has done: it does so at the end of a
    /// transaction, if the last time was a second ago.
    async fn tell_stats(&self, channels: &[Channel]) -> anyhow::Result<()> {
        tokio::time::sleep(STATS_INTERVAL).await;
        let looking =
            (0..self.pokes())
                .zip(channels.iter().cycle())
                .map(|(_, channel)| async move {
                    let request = GetAvailabilityRequest { skus: vec![sku(0)] };
                    InventoryServiceClient::new(channel.clone())
                        .get_availability(grpc::request(request, Duration::from_secs(30)))
                        .await
                });
        futures::future::try_join_all(looking).await?;
        Ok(())
    }
}

/// What the database says against what was answered.
fn compare(before: Count, after: Count, tallies: &[&Tally], lines: usize) -> Vec<String> {
    let accepted: u64 = tallies.iter().map(|tally| tally.accepted).sum();
    let doubtful: u64 = tallies.iter().map(|tally| tally.doubtful).sum();
    let held = (after.held - before.held).unsigned_abs();
    let mut problems = Vec::new();
    if !(accepted..=accepted + doubtful).contains(&held) || after.held < before.held {
        problems.push(format!(
            "{accepted} reservations were granted ({doubtful} answers unknown), and {held} are in the database"
        ));
    }
    if after.other > 0 {
        problems.push(format!("{} holds are no longer HELD", after.other));
    }
    let pieces = after.pieces - before.pieces;
    if pieces.unsigned_abs() != held * lines as u64 {
        problems.push(format!(
            "{held} holds of {lines} pieces have {pieces} pieces on their lines"
        ));
    }
    if after.reserved != after.pieces || after.moved != after.pieces || after.wrong_skus > 0 {
        problems.push(format!(
            "{} pieces are on lines, {} reserved, {} moved; {} SKUs do not agree",
            after.pieces, after.reserved, after.moved, after.wrong_skus
        ));
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_miscount_is_found() {
        let tally = |accepted, doubtful| Tally {
            accepted,
            in_time: accepted,
            latency: hdrhistogram::Histogram::new(3).unwrap(),
            errors: Default::default(),
            doubtful,
        };
        let count = |held| Count {
            held,
            other: 0,
            pieces: held * 2,
            reserved: held * 2,
            moved: held * 2,
            wrong_skus: 0,
        };
        let found = |after, doubtful| {
            compare(count(10), after, &[&tally(3, 0), &tally(4, doubtful)], 2).len()
        };
        assert_eq!(found(count(17), 0), 0);
        assert_eq!(found(count(18), 1), 0);
        assert_eq!(found(count(18), 0), 1);
        assert_eq!(found(count(16), 1), 1);
        for wrong in [
            Count {
                other: 1,
                ..count(17)
            },
            Count {
                pieces: 33,
                reserved: 33,
                moved: 33,
                ..count(17)
            },
            Count {
                reserved: 33,
                ..count(17)
            },
            Count {
                moved: 35,
                ..count(17)
            },
            Count {
                wrong_skus: 1,
                ..count(17)
            },
        ] {
            assert_eq!(found(wrong, 0), 1, "{wrong:?}");
        }
    }
}
