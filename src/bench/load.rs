//! Closed-loop load: so many callers, each of whom sends its next reservation as soon as the last one is answered.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use chassis::{Code, Error, grpc};
use futures::{StreamExt as _, stream::FuturesUnordered};
use hdrhistogram::Histogram;
use proto::inventory::v1::{
    Line, ReserveRequest, inventory_service_client::InventoryServiceClient,
};
use rand::{SeedableRng as _, rngs::SmallRng};
use tokio::task::JoinSet;
use tonic::transport::Channel;
use uuid::Uuid;

use super::{database::sku, server::HOLD_SECONDS, zipf::Zipf};

/// Longer than any queue that a benchmark fills.
const DEADLINE: Duration = Duration::from_secs(30);
/// A caller that was refused does not try again at once: it would only heat the machine.
const PAUSE: Duration = Duration::from_millis(10);

/// What is asked for.
pub struct Load {
    pub callers: usize,
    pub lines: usize,
    pub skus: Zipf,
    /// Reservations granted so far, for whoever watches.
    pub progress: AtomicU64,
}

/// What came of it.
#[derive(Debug)]
pub struct Tally {
    /// Reservations that were granted.
    pub accepted: u64,
    /// Those of them that were answered before the time was up.
    pub in_time: u64,
    /// Microseconds from request to answer, of those granted.
    pub latency: Histogram<u64>,
    pub errors: BTreeMap<String, u64>,
    /// Errors after which the reservation may be there all the same.
    pub doubtful: u64,
    /// Until the last answer.
    pub took: Duration,
}

impl Tally {
    fn new() -> anyhow::Result<Self> {
        Ok(Self {
            accepted: 0,
            in_time: 0,
            latency: Histogram::new(3)?,
            errors: BTreeMap::new(),
            doubtful: 0,
            took: Duration::ZERO,
        })
    }

    fn add(&mut self, other: Self) -> anyhow::Result<()> {
        self.accepted += other.accepted;
        self.in_time += other.in_time;
        self.latency.add(other.latency)?;
        for (kind, count) in other.errors {
            *self.errors.entry(kind).or_default() += count;
        }
        self.doubtful += other.doubtful;
        Ok(())
    }
}

/// Keeps the callers busy for so long, then waits for the last answers.
///
/// # Errors
/// Never for a reservation's sake; only if a latency of hours cannot be recorded.
pub async fn run(
    load: &Arc<Load>,
    channels: &[Channel],
    duration: Duration,
) -> anyhow::Result<Tally> {
    let begun = Instant::now();
    let end = begun + duration;
    // One task a connection, not one a caller: the generator takes its processor time from what it measures.
    let mut tasks = JoinSet::new();
    for (index, channel) in channels.iter().enumerate() {
        let callers =
            load.callers / channels.len() + usize::from(index < load.callers % channels.len());
        tasks.spawn(keep_busy(load.clone(), channel.clone(), callers, end));
    }
    let mut tally = Tally::new()?;
    while let Some(done) = tasks.join_next().await {
        tally.add(done??)?;
    }
    tally.took = begun.elapsed();
    Ok(tally)
}

async fn keep_busy(
    load: Arc<Load>,
    channel: Channel,
    callers: usize,
    end: Instant,
) -> anyhow::Result<Tally> {
    let client = InventoryServiceClient::new(channel);
    let mut rng: SmallRng = SmallRng::from_rng(&mut rand::rng());
    let mut tally = Tally::new()?;
    let mut calls: FuturesUnordered<_> = (0..callers)
        .map(|_| call(client.clone(), request(&load, &mut rng)))
        .collect();
    while let Some((outcome, took)) = calls.next().await {
        match outcome {
            Ok(()) => {
                tally.accepted += 1;
                tally.in_time += u64::from(Instant::now() <= end);
                tally.latency.record(micros(took))?;
                load.progress.fetch_add(1, Ordering::Relaxed);
            }
            Err(error) => {
                *tally.errors.entry(error.kind().to_owned()).or_default() += 1;
                tally.doubtful += u64::from(error.is_transient() || error.code() == Code::Internal);
            }
        }
        if Instant::now() < end {
            calls.push(call(client.clone(), request(&load, &mut rng)));
        }
    }
    Ok(tally)
}

/// One call, and how long it took.
async fn call(
    mut client: InventoryServiceClient<Channel>,
    request: ReserveRequest,
) -> (Result<(), Error>, Duration) {
    let begun = Instant::now();
    let answer = client.reserve(grpc::request(request, DEADLINE)).await;
    let took = begun.elapsed();
    match answer {
        Ok(_) => (Ok(()), took),
        Err(status) => {
            tokio::time::sleep(PAUSE).await;
            (Err(status.into()), took)
        }
    }
}

/// A new order's first hold, of one piece of each of its SKUs.
fn request(load: &Load, rng: &mut SmallRng) -> ReserveRequest {
    ReserveRequest {
        order_id: Uuid::now_v7().to_string(),
        hold_no: 1,
        customer_id: Uuid::new_v4().to_string(),
        lines: load
            .skus
            .sample_distinct(load.lines, rng)
            .into_iter()
            .map(|number| Line {
                sku: sku(number),
                quantity: 1,
            })
            .collect(),
        incentive: None,
        ttl_seconds: HOLD_SECONDS,
        context: None,
    }
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}
