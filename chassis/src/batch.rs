//! Many requests in one transaction. What a transaction costs is paid once, and a row that all of them change is locked
//! once; so the requests that come while one transaction commits wait, and go together into the next. Nobody waits for a
//! batch to fill.

use std::{sync::Arc, time::Instant};

use async_trait::async_trait;
use tokio::sync::{mpsc, oneshot};

use crate::{Code, Error, Result};

/// Requests that may wait. More than are served in a second are better told so at once.
pub const QUEUE: usize = 4_096;
/// Requests in one transaction: beyond this the gain is small, and the first waits for the last.
const BATCH: usize = 256;
/// Rows in one transaction, but for a single request that has more: large requests must not make small ones wait past their
/// callers' patience.
const ROWS: usize = 4_000;

/// What is written in batches.
#[async_trait]
pub trait Batches: Send + Sync + 'static {
    type Request: Send + Sync + 'static;
    type Answer: Send + 'static;

    /// For metrics.
    const NAME: &'static str;
    /// The type of the error that tells that too many wait.
    const BUSY: &'static str;

    /// The rows that a request takes, about.
    fn rows(request: &Self::Request) -> usize;

    /// When its caller stops waiting; None if that is not known.
    fn deadline(request: &Self::Request) -> Option<Instant>;

    /// Writes them in one transaction, which has committed when this returns. The answers are in the order of the
    /// requests, and as if these had been written one after the other.
    ///
    /// # Errors
    /// When nothing was written, or nobody knows whether it was.
    async fn write(&self, batch: &[Self::Request]) -> Result<Vec<Result<Self::Answer>>>;
}

/// Where requests are handed in. Each replica has a writer of its own: what it writes must be safe from the others'.
pub struct Batcher<B: Batches> {
    queue: mpsc::Sender<Waiting<B>>,
}

struct Waiting<B: Batches> {
    request: B::Request,
    answer: oneshot::Sender<Result<B::Answer>>,
}

impl<B: Batches> Waiting<B> {
    /// Whether somebody still wants to hear the answer.
    fn is_wanted(&self, now: Instant) -> bool {
        !self.answer.is_closed() && B::deadline(&self.request).is_none_or(|deadline| now < deadline)
    }
}

/// The task that writes; it ends when the last [`Batcher`] of it is gone.
pub struct Writer<B: Batches> {
    batches: Arc<B>,
    queue: mpsc::Receiver<Waiting<B>>,
}

impl<B: Batches> Batcher<B> {
    #[must_use]
    pub fn new(batches: B) -> (Self, Writer<B>) {
        let (sender, receiver) = mpsc::channel(QUEUE);
        let writer = Writer {
            batches: Arc::new(batches),
            queue: receiver,
        };
        (Self { queue: sender }, writer)
    }

    /// Waits for the next transactions, and for the answer.
    ///
    /// # Errors
    /// `TooManyRequests` when too many wait; `DeadlineExceeded` when the caller's time was up before it was written; and
    /// those of the write.
    pub async fn write(&self, request: B::Request) -> Result<B::Answer> {
        let (answer, answered) = oneshot::channel();
        self.queue
            .try_send(Waiting { request, answer })
            .map_err(|error| match error {
                mpsc::error::TrySendError::Full(_) => Error::new(
                    Code::TooManyRequests,
                    B::BUSY,
                    "too many requests wait; try again in a moment",
                ),
                mpsc::error::TrySendError::Closed(_) => {
                    Error::unavailable(anyhow::anyhow!("the service stops"))
                }
            })?;
        answered
            .await
            .unwrap_or_else(|_| Err(Error::unavailable(anyhow::anyhow!("the writer dropped it"))))
    }

    /// Requests that wait now.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.queue.max_capacity() - self.queue.capacity()
    }
}

impl<B: Batches> Writer<B> {
    pub async fn run(mut self) {
        let mut waiting = Vec::with_capacity(BATCH);
        while self.fill(&mut waiting).await {
            let now = Instant::now();
            let (mut wanted, late): (Vec<_>, Vec<_>) = waiting
                .drain(..)
                .partition(|waiting: &Waiting<B>| waiting.is_wanted(now));
            for waiting in late {
                let _ = waiting.answer.send(Err(Error::new(
                    Code::DeadlineExceeded,
                    "deadline-exceeded",
                    "the caller's deadline passed while the request waited; nothing was done",
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
    async fn fill(&mut self, waiting: &mut Vec<Waiting<B>>) -> bool {
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

    async fn write(&self, waiting: Vec<Waiting<B>>) {
        let (batch, answers): (Vec<_>, Vec<_>) = waiting
            .into_iter()
            .map(|waiting| (waiting.request, waiting.answer))
            .unzip();
        let size = u32::try_from(batch.len()).unwrap_or(u32::MAX);
        metrics::histogram!("write_batch_size", "writer" => B::NAME).record(f64::from(size));
        // In a task of its own: a panic costs this batch, and not the writer.
        let batches = self.batches.clone();
        let writing = tokio::spawn(async move { (batches.write(&batch).await, batch) });
        let Ok((outcome, batch)) = writing.await else {
            // Its callers hear it from the answers that are dropped.
            return;
        };
        match outcome {
            Ok(written) => {
                for (answer, written) in answers.into_iter().zip(written) {
                    let _ = answer.send(written);
                }
            }
            // One bad request must not fail its neighbours.
            Err(error) if !error.is_transient() && batch.len() > 1 => {
                tracing::warn!(
                    writer = B::NAME,
                    ?error,
                    "a batch failed; its requests are written one by one"
                );
                for (answer, request) in answers.into_iter().zip(batch) {
                    let _ = answer.send(self.write_one(request).await);
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

    /// In a transaction of its own.
    async fn write_one(&self, request: B::Request) -> Result<B::Answer> {
        self.batches
            .write(&[request])
            .await?
            .pop()
            .unwrap_or_else(|| Err(Error::internal(anyhow::anyhow!("no answer to a request"))))
    }
}

/// How many of the first go together into one transaction.
fn fitting<B: Batches>(waiting: &[Waiting<B>]) -> usize {
    let mut rows = 0;
    let beyond = waiting.iter().position(|waiting| {
        rows += B::rows(&waiting.request);
        rows > ROWS
    });
    beyond.map_or(waiting.len(), |count| count.max(1))
}
