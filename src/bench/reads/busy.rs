//! A shop that goes on: orders that come in at a steady pace, and people who read.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use anyhow::Context as _;
use chassis::config::Secret;
use hdrhistogram::Histogram;
use rand::{RngExt as _, SeedableRng as _, rngs::SmallRng, seq::IndexedRandom as _};
use reqwest::{
    RequestBuilder, StatusCode,
    header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue},
};
use serde::Deserialize;
use serde_json::json;
use tokio::{
    task::JoinSet,
    time::{MissedTickBehavior, interval},
};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::readers::{bearer, client, send};
use crate::bench::load::Refusal;

/// People who read, each one thing after the other.
const READERS: usize = 2;
/// Those of the generated products that are ordered.
const SKUS: u32 = 100;
/// Between two things that a reader reads.
const PAUSE: Duration = Duration::from_millis(20);

/// What goes on until [`Busy::end`].
pub struct Busy {
    shared: Arc<Shared>,
    stop: CancellationToken,
    tasks: JoinSet<anyhow::Result<()>>,
}

/// Who buys and who reads.
pub struct Cast {
    pub gateway_url: String,
    /// Orders a second.
    pub rate: u32,
    pub buyers: Vec<Secret>,
    pub staff: Secret,
    /// What the staff reads.
    pub paths: Vec<String>,
}

/// What came of it.
#[derive(Debug)]
pub struct Outcome {
    /// One for each [`Busy::enter`].
    pub phases: Vec<Phase>,
    pub errors: BTreeMap<String, u64>,
    /// Orders that were acknowledged.
    pub placed: Vec<Uuid>,
    /// Requests of readers that were answered.
    pub reads: u64,
}

/// A time, and the orders that were due in it.
#[derive(Debug)]
pub struct Phase {
    pub name: &'static str,
    /// Microseconds from when an order was due until it was acknowledged.
    pub latency: Histogram<u64>,
}

struct Shared {
    http: reqwest::Client,
    base: String,
    outcome: Mutex<Outcome>,
}

impl Shared {
    fn outcome(&self) -> std::sync::MutexGuard<'_, Outcome> {
        self.outcome.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn get(&self, path: &str, who: &HeaderValue) -> RequestBuilder {
        let url = format!("{}{path}", self.base);
        self.http.get(url).header(AUTHORIZATION, who.clone())
    }

    fn failed(&self, doing: &str, refusal: &Refusal) {
        let kind = format!("{doing}: {}", refusal.kind);
        *self.outcome().errors.entry(kind).or_default() += 1;
    }
}

impl Busy {
    pub fn begin(cast: Cast, phase: &'static str) -> anyhow::Result<Self> {
        let shared = Arc::new(Shared {
            http: client()?,
            base: cast.gateway_url,
            outcome: Mutex::new(Outcome {
                phases: vec![Phase::begin(phase)?],
                errors: BTreeMap::new(),
                placed: Vec::new(),
                reads: 0,
            }),
        });
        let stop = CancellationToken::new();
        let mut tasks = JoinSet::new();
        let buyers = cast
            .buyers
            .iter()
            .map(bearer)
            .collect::<anyhow::Result<_>>()?;
        tasks.spawn(buy(shared.clone(), stop.clone(), buyers, cast.rate));
        let (staff, paths) = (bearer(&cast.staff)?, Arc::new(cast.paths));
        for _ in 0..READERS {
            let (shared, stop, staff, paths) =
                (shared.clone(), stop.clone(), staff.clone(), paths.clone());
            tasks.spawn(async move {
                stop.run_until_cancelled(read(&shared, &staff, &paths))
                    .await;
                Ok(())
            });
        }
        Ok(Self {
            shared,
            stop,
            tasks,
        })
    }

    /// What follows is counted by itself.
    pub fn enter(&self, phase: &'static str) -> anyhow::Result<()> {
        let phase = Phase::begin(phase)?;
        self.shared.outcome().phases.push(phase);
        Ok(())
    }

    /// Waits for the last answers.
    pub async fn end(mut self) -> anyhow::Result<Outcome> {
        self.stop.cancel();
        while let Some(ended) = self.tasks.join_next().await {
            ended??;
        }
        let shared = Arc::into_inner(self.shared).context("somebody still buys")?;
        Ok(shared
            .outcome
            .into_inner()
            .unwrap_or_else(PoisonError::into_inner))
    }
}

impl Phase {
    fn begin(name: &'static str) -> anyhow::Result<Self> {
        Ok(Self {
            name,
            latency: Histogram::new(3)?,
        })
    }
}

/// Orders, whether those before are answered or not.
async fn buy(
    shared: Arc<Shared>,
    stop: CancellationToken,
    buyers: Vec<HeaderValue>,
    rate: u32,
) -> anyhow::Result<()> {
    let mut ticks = interval(Duration::from_secs(1) / rate);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let mut rng = SmallRng::from_rng(&mut rand::rng());
    let mut under_way = JoinSet::new();
    let mut everybody = buyers.iter().cycle();
    while let Some(due) = stop.run_until_cancelled(ticks.tick()).await {
        let Some(buyer) = everybody.next() else {
            break;
        };
        let sku = format!("GEN-{:05}", rng.random_range(1..=SKUS));
        let order = place(shared.clone(), buyer.clone(), sku, due.into_std());
        under_way.spawn(order);
        while under_way.try_join_next().is_some() {}
    }
    under_way.join_all().await;
    Ok(())
}

#[derive(Deserialize)]
struct Placed {
    id: Uuid,
}

/// One order, and a look at it by who has placed it.
async fn place(shared: Arc<Shared>, buyer: HeaderValue, sku: String, due: Instant) {
    let phase = shared.outcome().phases.len() - 1;
    let request = shared
        .http
        .post(format!("{}/v1/orders", shared.base))
        .header(AUTHORIZATION, buyer.clone())
        .header(CONTENT_TYPE, "application/json")
        .header("idempotency-key", Uuid::new_v4().to_string())
        .body(json!({"lines": [{"sku": sku, "quantity": 1}]}).to_string());
    let answer = send(request, StatusCode::CREATED).await;
    let took = u64::try_from(due.elapsed().as_micros()).unwrap_or(u64::MAX);
    let placed = answer.and_then(|body| {
        serde_json::from_slice::<Placed>(&body).map_err(|error| Refusal {
            kind: error.to_string(),
            doubtful: true,
        })
    });
    match placed {
        Err(refusal) => shared.failed("placing an order", &refusal),
        Ok(Placed { id }) => {
            {
                let mut outcome = shared.outcome();
                outcome.placed.push(id);
                if let Some(phase) = outcome.phases.get_mut(phase) {
                    // It grows as far as it must.
                    let _ = phase.latency.record(took);
                }
            }
            let look = shared.get(&format!("/v1/orders/{id}"), &buyer);
            if let Err(refusal) = send(look, StatusCode::OK).await {
                shared.failed("looking at an order just placed", &refusal);
            }
        }
    }
}

async fn read(shared: &Shared, staff: &HeaderValue, paths: &[String]) {
    let mut rng = SmallRng::from_rng(&mut rand::rng());
    while let Some(path) = paths.choose(&mut rng) {
        match send(shared.get(path, staff), StatusCode::OK).await {
            Ok(_) => shared.outcome().reads += 1,
            Err(refusal) => {
                let (path, _) = path.split_once('?').unwrap_or((path, ""));
                let what = if path.starts_with("/v1/orders/") {
                    "/v1/orders/{id}"
                } else {
                    path
                };
                shared.failed(&format!("reading {what}"), &refusal);
            }
        }
        tokio::time::sleep(PAUSE).await;
    }
}
