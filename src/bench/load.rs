//! Closed-loop load: so many clients, each of whom sends its next request as soon as the last one is answered.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use futures::{StreamExt as _, stream::FuturesUnordered};
use hdrhistogram::Histogram;
use tokio::task::JoinSet;

/// Longer than any queue that a benchmark fills.
pub const DEADLINE: Duration = Duration::from_secs(30);
/// A client that was refused does not try again at once: it would only heat the machine.
const PAUSE: Duration = Duration::from_millis(10);

/// Some clients, and what they ask for.
pub trait Clients: Send + 'static {
    /// How many they are.
    fn count(&self) -> usize;

    /// The next request of the client with this number, from 0.
    fn call(
        &mut self,
        client: usize,
    ) -> impl Future<Output = Result<(), Refusal>> + Send + 'static + use<Self>;
}

/// Why a request was not granted.
#[derive(Debug)]
pub struct Refusal {
    pub kind: String,
    /// It may have been granted all the same.
    pub doubtful: bool,
}

/// What came of a load.
#[derive(Debug)]
pub struct Tally {
    /// Requests that were granted.
    pub accepted: u64,
    /// Those of them that were answered before the time was up.
    pub in_time: u64,
    /// Microseconds from request to answer, of those granted.
    pub latency: Histogram<u64>,
    /// The same of those refused.
    pub refusal: Histogram<u64>,
    pub errors: BTreeMap<String, u64>,
    /// Errors after which what was asked for may be there all the same.
    pub doubtful: u64,
    /// Until the last answer.
    pub took: Duration,
}

impl Tally {
    /// # Errors
    /// Never.
    pub fn new() -> anyhow::Result<Self> {
        Ok(Self {
            accepted: 0,
            in_time: 0,
            latency: Histogram::new(3)?,
            refusal: Histogram::new(3)?,
            errors: BTreeMap::new(),
            doubtful: 0,
            took: Duration::ZERO,
        })
    }

    /// # Errors
    /// Never, as long as all histograms are of one kind.
    pub fn add(&mut self, other: Self) -> anyhow::Result<()> {
        self.accepted += other.accepted;
        self.in_time += other.in_time;
        self.latency.add(other.latency)?;
        self.refusal.add(other.refusal)?;
        for (kind, count) in other.errors {
            *self.errors.entry(kind).or_default() += count;
        }
        self.doubtful += other.doubtful;
        Ok(())
    }

    /// Counts what came of a request that took so long.
    ///
    /// # Errors
    /// If a latency of hours cannot be recorded.
    pub fn count(
        &mut self,
        outcome: Result<(), Refusal>,
        took: Duration,
        in_time: bool,
    ) -> anyhow::Result<()> {
        match outcome {
            Ok(()) => {
                self.accepted += 1;
                self.in_time += u64::from(in_time);
                self.latency.record(micros(took))?;
            }
            Err(refusal) => {
                self.refusal.record(micros(took))?;
                *self.errors.entry(refusal.kind).or_default() += 1;
                self.doubtful += u64::from(refusal.doubtful);
            }
        }
        Ok(())
    }
}

/// Keeps the clients busy for so long, then waits for the last answers. `progress` counts what is granted.
///
/// # Errors
/// Never for a request's sake; only if a latency of hours cannot be recorded.
pub async fn run<C: Clients>(
    groups: Vec<C>,
    progress: &Arc<AtomicU64>,
    duration: Duration,
) -> anyhow::Result<Tally> {
    let begun = Instant::now();
    let end = begun + duration;
    // One task a group, not one a client: the generator takes its processor time from what it measures.
    let mut tasks = JoinSet::new();
    for clients in groups {
        tasks.spawn(keep_busy(clients, progress.clone(), end));
    }
    let mut tally = Tally::new()?;
    while let Some(done) = tasks.join_next().await {
        tally.add(done??)?;
    }
    tally.took = begun.elapsed();
    Ok(tally)
}

async fn keep_busy<C: Clients>(
    mut clients: C,
    progress: Arc<AtomicU64>,
    end: Instant,
) -> anyhow::Result<Tally> {
    let mut tally = Tally::new()?;
    let mut calls: FuturesUnordered<_> = (0..clients.count())
        .map(|client| timed(client, clients.call(client)))
        .collect();
    while let Some((client, outcome, took)) = calls.next().await {
        progress.fetch_add(u64::from(outcome.is_ok()), Ordering::Relaxed);
        tally.count(outcome, took, Instant::now() <= end)?;
        if Instant::now() < end {
            calls.push(timed(client, clients.call(client)));
        }
    }
    Ok(tally)
}

/// One request, and how long it took.
async fn timed(
    client: usize,
    call: impl Future<Output = Result<(), Refusal>>,
) -> (usize, Result<(), Refusal>, Duration) {
    let begun = Instant::now();
    let outcome = call.await;
    let took = begun.elapsed();
    if outcome.is_err() {
        tokio::time::sleep(PAUSE).await;
    }
    (client, outcome, took)
}

/// `clients` in `groups` of nearly one size.
pub fn split(clients: usize, groups: usize) -> impl Iterator<Item = usize> {
    (0..groups).map(move |index| clients / groups + usize::from(index < clients % groups))
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Counts the requests of each client; every third is refused.
    struct Counting {
        asked: Vec<u32>,
        under_way: Arc<AtomicU64>,
    }

    impl Clients for Counting {
        fn count(&self) -> usize {
            self.asked.len()
        }

        fn call(
            &mut self,
            client: usize,
        ) -> impl Future<Output = Result<(), Refusal>> + Send + 'static + use<> {
            self.asked[client] += 1;
            let (number, under_way) = (self.asked[client], self.under_way.clone());
            async move {
                assert!(under_way.fetch_add(1, Ordering::Relaxed) < 3);
                tokio::time::sleep(Duration::from_millis(10)).await;
                under_way.fetch_sub(1, Ordering::Relaxed);
                if number.is_multiple_of(3) {
                    return Err(Refusal {
                        kind: "third".to_owned(),
                        doubtful: true,
                    });
                }
                Ok(())
            }
        }
    }

    #[tokio::test]
    async fn each_client_has_one_request_under_way_and_all_answers_are_counted() {
        let clients = Counting {
            asked: vec![0; 3],
            under_way: Arc::default(),
        };
        let progress = Arc::default();
        let tally = run(vec![clients], &progress, Duration::from_millis(200))
            .await
            .unwrap();
        assert_eq!(progress.load(Ordering::Relaxed), tally.accepted);
        assert_eq!(tally.latency.len(), tally.accepted);
        assert!(tally.in_time <= tally.accepted);
        assert!(tally.errors["third"] > 0);
        assert_eq!(tally.errors["third"], tally.doubtful);
        assert!(tally.took >= Duration::from_millis(200));
    }

    #[test]
    fn groups_differ_by_one_client_at_most() {
        assert_eq!(split(8, 3).collect::<Vec<_>>(), [3, 3, 2]);
        assert_eq!(split(1, 2).collect::<Vec<_>>(), [1, 0]);
    }
}
