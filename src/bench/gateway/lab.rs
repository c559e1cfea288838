//! One target after the other, in rounds; then more than one of them can do.

use std::{
    io::Write as _,
    net::SocketAddr,
    sync::{Arc, atomic::AtomicU64},
    time::Duration,
};

use anyhow::Context as _;
use bytes::Bytes;
use http::{
    HeaderValue, Request, StatusCode,
    header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HOST},
};
use http_body_util::Full;
use indicatif::HumanCount;
use rand::{RngExt as _, SeedableRng as _, rngs::SmallRng};
use serde_json::json;
use uuid::Uuid;

use super::{
    Options,
    callers::{Asked, Callers},
    targets::{GATEWAY, Target, Targets},
};
use crate::bench::{
    cpu::{Cpu, Local},
    figures::Spread,
    load::{self, Tally, split},
    pace,
    progress::{Show, show},
    reads::bearer,
    settle::settle,
    shop::{Open, Shop},
    stock::sku,
};

/// The load generator takes its processor time from nobody, but switching between tasks costs some.
const GROUPS: usize = 2;
/// For this part of a round each target is asked before its first one, not measured.
const WARM_UP: u32 = 2;
/// Callers at most that wait for an answer while requests come by the clock.
const MOST_WAITING: usize = 2_048;
/// How much comes, for each of what can be done.
pub const OVERLOADS: [u32; 2] = [1, 3];

/// What all of it has in common.
pub struct Lab<'a> {
    pub options: &'a Options,
    pub shop: &'a Shop,
    /// Where the servers run.
    pub cores: Option<&'a str>,
    pub local: Local,
    /// Requests granted so far, for whoever watches.
    pub progress: Arc<AtomicU64>,
}

/// All that was measured.
pub struct Measured {
    pub targets: Vec<Answered>,
    pub overload: Vec<Overloaded>,
    /// Orders that were acknowledged and are not there.
    pub lost_orders: u64,
}

/// How one target answered, in all rounds.
pub struct Answered {
    pub name: &'static str,
    /// As many requests as it answers.
    pub peak: Vec<Round>,
    /// At half of that.
    pub half: Vec<Round>,
    /// At half of what the slowest target answers.
    pub common: Vec<Round>,
}

/// A load of some seconds.
pub struct Round {
    /// What came by the clock; None: as much as was answered.
    pub per_second: Option<f64>,
    pub tally: Tally,
    pub cpu: Cpu,
}

/// The gateway when there is too much to do.
pub struct Overloaded {
    pub request: &'static str,
    pub peak: Vec<Round>,
    /// The rounds of each of [`OVERLOADS`].
    pub loads: Vec<Vec<Round>>,
}

impl Answered {
    pub fn peak_per_second(&self, seconds: Duration) -> Spread {
        per_second(&self.peak, seconds)
    }
}

/// What was answered in time in each round, for each second.
pub fn per_second(rounds: &[Round], seconds: Duration) -> Spread {
    let rate = |round: &Round| round.tally.in_time as f64 / seconds.as_secs_f64();
    Spread::of(rounds.iter().map(rate).collect())
}

impl Lab<'_> {
    pub async fn measure(&self) -> anyhow::Result<Measured> {
        let quiet = vec![("RUST_LOG", "warn".to_owned())];
        let open = self.shop.open_on(self.cores, quiet).await?;
        let targets = Targets::start(&open, self.cores).await?;
        let answered = self.ask_all(&targets).await?;
        let gateway = targets.by_name(GATEWAY)?;
        let mut overload = vec![self.overload_with_reads(gateway, &answered).await?];
        let mut lost_orders = 0;
        if self.options.orders {
            let (overloaded, acknowledged) = self.overload_with_orders(&open, gateway).await?;
            let written: i64 = sqlx::query_scalar("select count(*) from orders")
                .fetch_one(&self.shop.order.pool)
                .await?;
            lost_orders = acknowledged.saturating_sub(written.unsigned_abs());
            overload.push(overloaded);
        }
        targets.stop().await;
        open.close().await;
        Ok(Measured {
            targets: answered,
            overload,
            lost_orders,
        })
    }

    async fn ask_all(&self, targets: &Targets) -> anyhow::Result<Vec<Answered>> {
        let seconds = self.options.seconds;
        let mut answered: Vec<Answered> = targets
            .all
            .iter()
            .map(|target| Answered {
                name: target.name,
                peak: Vec::new(),
                half: Vec::new(),
                common: Vec::new(),
            })
            .collect();
        for target in &targets.all {
            let reads = || self.reads(target.addr);
            let warm_up = seconds / WARM_UP;
            self.busy(target, target.name, warm_up, reads).await?;
        }
        for round in 1..=self.options.rounds.get() {
            for (target, answered) in targets.all.iter().zip(&mut answered) {
                let reads = || self.reads(target.addr);
                let peak = self.busy(target, target.name, seconds, reads).await?;
                answered.peak.push(peak);
                tell(round, target.name, answered.peak_per_second(seconds));
            }
        }
        let peaks: Vec<f64> = answered
            .iter()
            .map(|answered| answered.peak_per_second(seconds).median)
            .collect();
        let common = peaks.iter().copied().fold(f64::INFINITY, f64::min) / 2.0;
        for _ in 1..=self.options.rounds.get() {
            for ((target, answered), peak) in targets.all.iter().zip(&mut answered).zip(&peaks) {
                for (rate, rounds) in [
                    (peak / 2.0, &mut answered.half),
                    (common, &mut answered.common),
                ] {
                    let reads = self.reads(target.addr);
                    rounds.push(self.pace(target, rate, reads).await?);
                }
            }
        }
        Ok(answered)
    }

    /// The gateway's peak of reads is known; that of the same minutes is measured besides.
    async fn overload_with_reads(
        &self,
        gateway: &Target,
        answered: &[Answered],
    ) -> anyhow::Result<Overloaded> {
        let seconds = self.options.seconds;
        let gateways = answered.iter().find(|answered| answered.name == GATEWAY);
        let known = gateways.context(GATEWAY)?.peak_per_second(seconds).median;
        let reads = || self.reads(gateway.addr);
        let mut overloaded = Overloaded::new("GET /v1/products/{sku}");
        for round in 1..=self.options.rounds.get() {
            let peak = self.busy(gateway, "products", seconds, reads).await?;
            overloaded.peak.push(peak);
            for (times, rounds) in OVERLOADS.into_iter().zip(&mut overloaded.loads) {
                rounds.push(
                    self.pace(gateway, known * f64::from(times), reads())
                        .await?,
                );
                let goodput = per_second(rounds, seconds);
                tell(round, &format!("products, {times} x the peak"), goodput);
            }
        }
        Ok(overloaded)
    }

    /// And how many orders were acknowledged.
    async fn overload_with_orders(
        &self,
        open: &Open,
        gateway: &Target,
    ) -> anyhow::Result<(Overloaded, u64)> {
        let seconds = self.options.seconds;
        let tokens = open.customers(self.options.connections.get()).await?;
        let tokens: Arc<[HeaderValue]> =
            tokens.iter().map(bearer).collect::<anyhow::Result<_>>()?;
        let orders = || self.orders(gateway.addr, tokens.clone());
        let warm_up = seconds / WARM_UP;
        let warmed_up = self.busy(gateway, "orders", warm_up, orders).await?;
        let mut acknowledged = warmed_up.tally.accepted;
        let mut overloaded = Overloaded::new("POST /v1/orders");
        for round in 1..=self.options.rounds.get() {
            // What follows from orders is not the next load's to bear.
            settle(self.shop).await?;
            let peak = self.busy(gateway, "orders", seconds, orders).await?;
            acknowledged += peak.tally.accepted;
            overloaded.peak.push(peak);
            let peak = per_second(&overloaded.peak, seconds).median;
            for (times, rounds) in OVERLOADS.into_iter().zip(&mut overloaded.loads) {
                settle(self.shop).await?;
                let paced = self
                    .pace(gateway, peak * f64::from(times), orders())
                    .await?;
                acknowledged += paced.tally.accepted;
                rounds.push(paced);
                let goodput = per_second(rounds, seconds);
                tell(round, &format!("orders, {times} x the peak"), goodput);
            }
        }
        settle(self.shop).await?;
        Ok((overloaded, acknowledged))
    }

    /// As much as some callers get answered, with a bar on a terminal.
    async fn busy<F: FnMut() -> Asked + Send + 'static>(
        &self,
        target: &Target,
        title: &str,
        duration: Duration,
        asking: impl Fn() -> F,
    ) -> anyhow::Result<Round> {
        let groups = split(self.options.connections.get(), GROUPS)
            .map(|count| Callers::new(target.addr, count, asking()))
            .collect();
        let shown = Show {
            title,
            warm_up: false,
            duration,
            progress: &self.progress,
        };
        let before = self.cpu(target);
        let tally = show(shown, load::run(groups, &self.progress, duration)).await?;
        let cpu = self.cpu(target).since(&before);
        Ok(Round {
            per_second: None,
            tally,
            cpu,
        })
    }

    async fn pace(
        &self,
        target: &Target,
        per_second: f64,
        asking: impl FnMut() -> Asked + Send + 'static,
    ) -> anyhow::Result<Round> {
        let clients = Callers::new(target.addr, MOST_WAITING, asking);
        let before = self.cpu(target);
        let tally = pace::run(clients, per_second, self.options.seconds).await?;
        let cpu = self.cpu(target).since(&before);
        Ok(Round {
            per_second: Some(per_second),
            tally,
            cpu,
        })
    }

    fn cpu(&self, target: &Target) -> Cpu {
        Cpu::now(&target.processes, self.local)
    }

    /// Products, all alike.
    fn reads(&self, target: SocketAddr) -> impl FnMut() -> Asked + Send + 'static + use<> {
        let skus = self.options.skus.get();
        let request = move |number| {
            Request::get(format!("/v1/products/{}", sku(number)))
                .header(HOST, target.to_string())
                .header(ACCEPT, "application/json")
                .body(Full::default())
                .unwrap_or_default()
        };
        let requests: Vec<Request<Full<Bytes>>> = (0..skus).map(request).collect();
        let mut rng = SmallRng::from_rng(&mut rand::rng());
        move || (requests[rng.random_range(0..skus)].clone(), StatusCode::OK)
    }

    /// New orders of one piece each, by these customers in turn.
    fn orders(
        &self,
        target: SocketAddr,
        customers: Arc<[HeaderValue]>,
    ) -> impl FnMut() -> Asked + Send + 'static + use<> {
        let skus = self.options.skus.get();
        let mut rng = SmallRng::from_rng(&mut rand::rng());
        move || {
            let number = rng.random_range(0..skus);
            let customer = &customers[rng.random_range(0..customers.len())];
            let body = json!({"lines": [{"sku": sku(number), "quantity": 1}]});
            let request = Request::post("/v1/orders")
                .header(HOST, target.to_string())
                .header(AUTHORIZATION, customer)
                .header(CONTENT_TYPE, "application/json")
                .header("idempotency-key", Uuid::new_v4().to_string())
                .body(Full::from(body.to_string()))
                .unwrap_or_default();
            (request, StatusCode::CREATED)
        }
    }
}

impl Overloaded {
    fn new(request: &'static str) -> Self {
        Self {
            request,
            peak: Vec::new(),
            loads: OVERLOADS.iter().map(|_| Vec::new()).collect(),
        }
    }
}

fn tell(round: u32, what: &str, per_second: Spread) {
    let rate = HumanCount(per_second.median.round() as u64);
    let _ = writeln!(
        std::io::stderr(),
        "round {round}: {what:<34} {rate:>7}/s so far"
    );
}
