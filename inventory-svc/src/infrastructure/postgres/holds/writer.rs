//! Many reservations in one transaction. A row lock held through a commit caps what one product can sell; so the requests
//! that come while one transaction commits wait, and go together into the next. Nobody waits for a batch to fill.

use std::time::Instant;

use async_trait::async_trait;
use chassis::{Code, Error, Result};
use sqlx::PgPool;
use tokio::sync::{mpsc, oneshot};

use super::{
    PgHolds,
    take::{take, take_one},
};
use crate::{
    application::ports::{Holds, Overdue, TakenHold, Taking},
    domain::{HoldKey, LoyaltyPolicy, Settlement},
};

/// Requests that may wait. More than are served in a second are better told so at once.
pub(super) const QUEUE: usize = 4_096;
/// Requests in one transaction: beyond this the gain is small, and the first waits for the last.
const BATCH: usize = 256;
/// Lines in one transaction, but for a single request that has more: large orders must not make small ones wait past their
/// callers' patience.
const LINES: usize = 4_000;

/// How many of the first go together into one transaction.
fn fitting(waiting: &[Waiting]) -> usize {
    let mut lines = 0;
    let beyond = waiting.iter().position(|waiting| {
        lines += waiting.taking.basket.lines().len();
        lines > LINES
    });
    beyond.map_or(waiting.len(), |count| count.max(1))
}

/// Holds whose requests are taken together. Each replica has a writer of its own: the row locks keep them apart.
pub struct BatchedHolds {
    holds: PgHolds,
    queue: mpsc::Sender<Waiting>,
}

struct Waiting {
    taking: Taking,
    answer: oneshot::Sender<Result<TakenHold>>,
}

impl Waiting {
    /// Whether somebody still wants to hear the answer.
    fn is_wanted(&self, now: Instant) -> bool {
        !self.answer.is_closed() && self.taking.deadline.is_none_or(|deadline| now < deadline)
    }
}

/// The task that writes; it ends when the last [`BatchedHolds`] of it is gone.
pub struct Writer {
    pool: PgPool,
    policy: LoyaltyPolicy,
    queue: mpsc::Receiver<Waiting>,
}

impl BatchedHolds {
    #[must_use]
    pub fn new(pool: PgPool, policy: LoyaltyPolicy) -> (Self, Writer) {
        let (sender, receiver) = mpsc::channel(QUEUE);
        let batched = Self {
            holds: PgHolds::new(pool.clone(), policy),
            queue: sender,
        };
        let writer = Writer {
            pool,
            policy,
            queue: receiver,
        };
        (batched, writer)
    }

    /// Requests that wait now.
    #[cfg(test)]
    pub(super) fn waiting(&self) -> usize {
        self.queue.max_capacity() - self.queue.capacity()
    }
}

#[async_trait]
impl Holds for BatchedHolds {
    async fn take(&self, taking: Taking) -> Result<TakenHold> {
        let (answer, answered) = oneshot::channel();
        self.queue
            .try_send(Waiting { taking, answer })
            .map_err(|error| match error {
                mpsc::error::TrySendError::Full(_) => Error::new(
                    Code::TooManyRequests,
                    "reservations-busy",
                    "too many reservations wait; try again in a moment",
                ),
                mpsc::error::TrySendError::Closed(_) => {
                    Error::unavailable(anyhow::anyhow!("the service stops"))
                }
            })?;
        answered
            .await
            .unwrap_or_else(|_| Err(Error::unavailable(anyhow::anyhow!("the writer dropped it"))))
    }

    async fn settle(&self, key: HoldKey, settlement: Settlement) -> Result<()> {
        self.holds.settle(key, settlement).await
    }

    async fn overdue(&self, limit: i64) -> Result<Vec<Overdue>> {
        self.holds.overdue(limit).await
    }
}

impl Writer {
    pub async fn run(mut self) {
        let mut waiting = Vec::with_capacity(BATCH);
        while self.fill(&mut waiting).await {
            let now = Instant::now();
            let (mut wanted, late): (Vec<_>, Vec<_>) = waiting
                .drain(..)
                .partition(|waiting: &Waiting| waiting.is_wanted(now));
            for waiting in late {
                let _ = waiting.answer.send(Err(Error::new(
                    Code::DeadlineExceeded,
                    "deadline-exceeded",
                    "the caller's deadline passed while the request waited; nothing is held",
                )));
            }
            // The rest leads the next batch.
            waiting.extend(wanted.split_off(fitting(&wanted)));
            if !wanted.is_empty() {
                self.write(wanted).await;
            }
        }
    }

    /// Takes up what waits, without waiting for more; false when nothing will come any more.
    async fn fill(&mut self, waiting: &mut Vec<Waiting>) -> bool {
        if waiting.is_empty() {
            return self.queue.recv_many(waiting, BATCH).await > 0;
        }
        while waiting.len() < BATCH {
            match self.queue.try_recv() {
                Ok(next) => waiting.push(next),
                Err(_) => break,
            }
        }
        true
    }

    async fn write(&self, waiting: Vec<Waiting>) {
        let (batch, answers): (Vec<_>, Vec<_>) = waiting
            .into_iter()
            .map(|waiting| (waiting.taking, waiting.answer))
            .unzip();
        let size = u32::try_from(batch.len()).unwrap_or(u32::MAX);
        metrics::histogram!("reservation_batch_size").record(f64::from(size));
        // In a task of its own: a panic costs this batch, and not the writer.
        let (pool, policy) = (self.pool.clone(), self.policy);
        let taking = tokio::spawn(async move { (take(&pool, &policy, &batch).await, batch) });
        let Ok((outcome, batch)) = taking.await else {
            // Its callers hear it from the answers that are dropped.
            return;
        };
        match outcome {
            Ok(taken) => {
                for (answer, taken) in answers.into_iter().zip(taken) {
                    let _ = answer.send(taken);
                }
            }
            // One bad request must not fail its neighbours.
            Err(error) if !error.is_transient() && batch.len() > 1 => {
                tracing::warn!(?error, "a batch failed; its requests are taken one by one");
                for (answer, taking) in answers.into_iter().zip(batch) {
                    let _ = answer.send(take_one(&self.pool, &self.policy, taking).await);
                }
            }
            Err(error) => {
                let mut answers = answers.into_iter();
                let first = answers.next();
                for answer in answers {
                    let reason = anyhow::anyhow!("the batch failed: {error:?}");
                    let _ = answer.send(Err(Error::unavailable(reason)));
                }
                if let Some(answer) = first {
                    let _ = answer.send(Err(error));
                }
            }
        }
    }
}
