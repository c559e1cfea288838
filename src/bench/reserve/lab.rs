//! One round after the other, on a server of its own each.

use std::{
    io::Write as _,
    sync::{Arc, atomic::AtomicU64},
    time::{Duration, Instant},
};

use chassis::grpc::{self, Channel, Peers};
use inventory_svc::Reservations;
use proto::inventory::v1::{
    GetAvailabilityRequest, inventory_service_client::InventoryServiceClient,
};

use super::{HOLD_SECONDS, NAMESPACE, Options, callers::Callers, name, report::Measured};
use crate::{
    audit::OPERATOR,
    bench::{
        cpu::{Cpu, Local},
        database::{Scratch, Server as Postgres},
        load::{self, Tally, split},
        progress::{Show, show},
        server::{Server, Service, free_addrs},
        stock::{Count, sku},
    },
    system::grpc_url,
    zipf::Zipf,
};

/// Events are published at thousands a second.
const DRAIN: Duration = Duration::from_secs(300);
/// A connection of PostgreSQL tells what it has done once a second, and only when it has done something.
const STATS_INTERVAL: Duration = Duration::from_millis(1_100);

/// What all rounds have in common.
pub struct Lab<'a> {
    pub options: &'a Options,
    pub skus: Arc<Zipf>,
    /// Reservations granted so far, for whoever watches.
    pub progress: Arc<AtomicU64>,
    /// Connections of the server under test.
    pub pool: u32,
    pub local: Local,
    /// Where identity-svc vouches for callers.
    pub auth: chassis::auth::Config,
}

impl Lab<'_> {
    pub async fn round(
        &self,
        postgres: &mut Postgres,
        database: &Scratch,
        way: Reservations,
        round: u32,
    ) -> anyhow::Result<Measured> {
        let title = format!("{} {round}/{}", name(way), self.options.rounds);
        let (server, grpc_url) = self.start(database, way).await?;
        let channels: Vec<Channel> = (0..self.options.connections.get())
            .map(|_| Peers::new(OPERATOR, &self.auth)?.channel(&grpc_url))
            .collect::<anyhow::Result<_>>()?;

        let before = Count::of(&database.pool).await?;
        let warm_up = Duration::from_secs(self.options.warm_up.into());
        let warm = self.busy(&channels, warm_up, &title, true).await?;
        // The events of the warm-up are not the round's to publish.
        database.drained(DRAIN).await?;
        // As autovacuum would within a minute: plans made for empty tables are no plans for full ones.
        database.analyze().await?;
        self.tell_stats(&channels).await?;
        let commits = postgres.commits(database).await?;
        let cpu = self.cpu(&server);

        let seconds = Duration::from_secs(self.options.seconds.get().into());
        let tally = self.busy(&channels, seconds, &title, false).await?;

        let ended = Instant::now();
        let unpublished = database.unpublished().await?;
        let count = async {
            self.tell_stats(&channels).await?;
            postgres.commits(database).await
        };
        let drain = async {
            database.drained(DRAIN).await?;
            anyhow::Ok(ended.elapsed())
        };
        let (counted, drain) = tokio::try_join!(count, drain)?;
        let transactions = counted.saturating_sub(commits);
        let cpu = self.cpu(&server).since(&cpu);
        let after = Count::of(&database.pool).await?;
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
        Cpu::now(&[server.process()], self.local)
    }

    /// Load for so long, with a bar on a terminal.
    async fn busy(
        &self,
        channels: &[Channel],
        duration: Duration,
        title: &str,
        warm_up: bool,
    ) -> anyhow::Result<Tally> {
        let groups = split(self.options.callers.get(), channels.len())
            .zip(channels)
            .map(|(count, channel)| {
                let lines = self.options.lines.get();
                Callers::new(count, channel.clone(), lines, self.skus.clone())
            })
            .collect();
        let shown = Show {
            title,
            warm_up,
            duration,
            progress: &self.progress,
        };
        show(shown, load::run(groups, &self.progress, duration)).await
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

    /// inventory-svc on this database, when it is ready, and where it answers gRPC.
    async fn start(
        &self,
        database: &Scratch,
        way: Reservations,
    ) -> anyhow::Result<(Server, String)> {
        // Nobody is at the last: no hold gets so old that its order is asked for.
        let [http, grpc, order] = free_addrs()?;
        let grpc_url = |addr| grpc_url(addr, &self.auth.tls);
        let variables = [
            ("INVENTORY_HTTP_ADDR", http.to_string()),
            ("INVENTORY_GRPC_ADDR", grpc.to_string()),
            ("INVENTORY_DATABASE_URL", database.url.expose().to_owned()),
            ("INVENTORY_RESERVATIONS", name(way)),
            ("INVENTORY_MAX_HOLD_TTL_SECONDS", HOLD_SECONDS.to_string()),
            ("ORDER_GRPC_URL", grpc_url(order)),
            ("IDENTITY_GRPC_URL", self.auth.identity_grpc_url.clone()),
            ("AMQP_NAMESPACE", NAMESPACE.to_owned()),
        ];
        let mut server = Server::start(Service::InventorySvc, http, &variables)?;
        server.ready().await?;
        Ok((server, grpc_url(grpc)))
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
    let decided = after.confirmed + after.other;
    if decided > 0 {
        problems.push(format!("{decided} holds are no longer HELD"));
    }
    problems.extend(after.problems(before, held, lines));
    problems
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_miscount_is_found() {
        let tally = |accepted, doubtful| Tally {
            accepted,
            doubtful,
            ..Tally::new().unwrap()
        };
        let count = |held| Count {
            held,
            confirmed: 0,
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
                confirmed: 1,
                ..count(17)
            },
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
