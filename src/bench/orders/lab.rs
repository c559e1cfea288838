//! One round after the other, the system's and the floor's.

use std::{
    io::Write as _,
    sync::{Arc, atomic::AtomicU64},
    time::Duration,
};

use chassis::config::Secret;

use super::{
    Options,
    clients::{Shoppers, shoppers},
    count::Count,
    floor::Floor,
    report::{Measured, MeasuredRound},
    rows::{INVENTORY_SVC, ORDER_SVC, Rows, WORKER},
};
use crate::{
    bench::{
        cpu::{Cpu, Local, Part},
        load::{self, Tally},
        progress::{Show, show},
        settle::settle,
        shop::{Open, Shop},
    },
    zipf::Zipf,
};

/// Orders placed one after the other, so that each writes its rows by itself. So many that what a service writes for itself
/// in that time, when it starts above all, rounds to nothing.
const ALONE: u64 = 16;

/// What all rounds have in common.
pub struct Lab<'a> {
    pub options: &'a Options,
    pub shop: &'a Shop,
    pub floor: Option<&'a Floor>,
    pub skus: Arc<Zipf>,
    /// Orders accepted so far, for whoever watches.
    pub progress: Arc<AtomicU64>,
    pub local: Local,
}

impl Lab<'_> {
    pub async fn measure(&self) -> anyhow::Result<Measured> {
        let open = self.shop.open().await?;
        let customers = open.customers(self.options.clients.get()).await?;
        open.close().await;
        let alone = self.alone(&customers).await?;
        let mut rounds = Vec::new();
        for round in 1..=self.options.rounds.get() {
            let mut measured = self.round(&customers, round).await?;
            tell(round, "orders/s sustained", measured.sustained_per_second());
            if let Some(floor) = self.floor {
                let run = floor.round(self.options, self.local).await?;
                tell(round, "transactions/s, the floor", run.per_second);
                measured.floor = Some(run);
            }
            rounds.push(measured);
        }
        Ok(Measured { rounds, alone })
    }

    /// What an order writes when it is alone.
    async fn alone(&self, customers: &[Secret]) -> anyhow::Result<Rows> {
        let before = self.rows().await?;
        let open = self.shop.open().await?;
        for _ in 0..ALONE {
            // No time at all: one order, and its answer.
            let one = self.shoppers(&open, 1, customers)?;
            let tally = load::run(one, &self.progress, Duration::ZERO).await?;
            anyhow::ensure!(
                tally.accepted == 1,
                "an order was refused: {:?}",
                tally.errors
            );
            settle(self.shop).await?;
        }
        open.close().await;
        Ok(self.rows().await?.since(&before).per(ALONE))
    }

    async fn round(&self, customers: &[Secret], round: u32) -> anyhow::Result<MeasuredRound> {
        let (before, rows) = (Count::of(self.shop).await?, self.rows().await?);
        let open = self.shop.open().await?;
        let title = format!("orders {round}/{}", self.options.rounds);
        let warm_up = Duration::from_secs(self.options.warm_up.into());
        let warm = self.busy(&open, customers, warm_up, &title, true).await?;
        // What follows from the warm-up is not the round's to do.
        settle(self.shop).await?;
        // As autovacuum would within a minute: plans made for empty tables are no plans for full ones.
        for database in self.shop.databases() {
            database.analyze().await?;
        }
        tell_processes(round, &open);
        let cpu = Cpu::now(&open.processes(), self.local);

        let seconds = Duration::from_secs(self.options.seconds.get().into());
        let tally = self.busy(&open, customers, seconds, &title, false).await?;
        let settled = settle(self.shop).await?;

        let cpu = Cpu::now(&open.processes(), self.local).since(&cpu);
        open.close().await;
        let after = Count::of(self.shop).await?;
        Ok(MeasuredRound {
            round,
            seconds: seconds.as_secs_f64(),
            problems: after.problems(before, &[&warm, &tally], self.options.lines.get()),
            tally,
            settled,
            cpu,
            rows: self.rows().await?.since(&rows),
            orders: (after.orders.all - before.orders.all).unsigned_abs(),
            floor: None,
        })
    }

    /// Load for so long, with a bar on a terminal.
    async fn busy(
        &self,
        open: &Open,
        customers: &[Secret],
        duration: Duration,
        title: &str,
        warm_up: bool,
    ) -> anyhow::Result<Tally> {
        let groups = self.shoppers(open, self.options.clients.get(), customers)?;
        let shown = Show {
            title,
            warm_up,
            duration,
            progress: &self.progress,
        };
        show(shown, load::run(groups, &self.progress, duration)).await
    }

    fn shoppers(
        &self,
        open: &Open,
        clients: usize,
        customers: &[Secret],
    ) -> anyhow::Result<Vec<Shoppers>> {
        let lines = self.options.lines.get();
        shoppers(&open.gateway_url, clients, customers, lines, &self.skus)
    }

    /// All that the services have written into their databases; they must not be running.
    async fn rows(&self) -> anyhow::Result<Rows> {
        Rows::of(&[
            (ORDER_SVC, &self.shop.order),
            (INVENTORY_SVC, &self.shop.inventory),
            (WORKER, &self.shop.worker),
        ])
        .await
    }
}

/// For whoever wants to look into them while there is load, with a profiler.
fn tell_processes(round: u32, open: &Open) {
    let name = |(part, pid): (Part, u32)| format!("{} {pid}", part.name());
    let processes = open.processes().map(name).join(", ");
    let _ = writeln!(std::io::stderr(), "round {round:<6} load on {processes}");
}

fn tell(round: u32, what: &str, per_second: f64) {
    let number = indicatif::HumanCount(per_second.round() as u64).to_string();
    let _ = writeln!(std::io::stderr(), "round {round:<6} {number:>9} {what}");
}
