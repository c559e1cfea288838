//! A consumer: takes events from a queue and has each applied exactly once, in one transaction with the note in the inbox
//! that it was. Acked after the commit; what cannot be applied ends among the dead letters.

use std::{
    any::Any,
    panic::AssertUnwindSafe,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use anyhow::{Context as _, anyhow, bail};
use async_trait::async_trait;
use futures::{FutureExt as _, StreamExt as _};
use lapin::{message::Delivery, types::AMQPValue};
use proto::{
    cloudevents::CloudEvent,
    topology::{Queue, WORKER_ERRORS},
};
use sqlx::{Connection as _, PgConnection, PgPool};
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::{
    Bus, backoff, inbox,
    publisher::Message,
    retry::{Held, Holding},
    subscription::Subscription,
};
use crate::{Code, Error, Result, health::Check, trace::TraceContext};

/// With so many events waiting for their next try, no new ones are taken.
const MOST_HELD: usize = 100;
/// Under load, transactions are at least so far apart: many events cost little more than one. A first event waits for nothing.
const PACE: Duration = Duration::from_millis(10);
/// One transaction. Then its connection counts as dead.
const APPLY_TIMEOUT: Duration = Duration::from_secs(30);
/// A session that lasted so long was no failed attempt.
const STEADY: Duration = Duration::from_secs(10);
/// Longest reason in the header of a dead letter, in characters.
const LONGEST_REASON: usize = 500;

/// What a consumer does with events.
#[async_trait]
pub trait EventHandler: Send + Sync + 'static {
    /// Applies events that this queue has not brought before, in the order of delivery, in a transaction that the caller
    /// commits. Events may come in any order and late.
    ///
    /// # Errors
    /// The transaction is rolled back and each event tried alone: for ever while the error is transient, else five times
    /// before it becomes a dead letter.
    async fn handle(&self, tx: &mut PgConnection, events: &[CloudEvent]) -> Result<()>;

    /// Events of one transaction, at most. It takes what is there and waits for no more.
    fn batch(&self) -> u16 {
        100
    }
}

/// Feeds a queue to its handler until stopped. No outage of PostgreSQL or RabbitMQ ends it. `check` holds while the broker
/// has a live consumer of ours at the queue.
pub async fn run(
    queue: Queue,
    pool: PgPool,
    bus: Arc<Bus>,
    handler: Arc<dyn EventHandler>,
    check: Check,
    stop: CancellationToken,
) {
    let consumer = Consumer {
        queue,
        pool,
        bus,
        handler,
        waiting: AtomicBool::new(false),
    };
    let mut delays = backoff();
    while !stop.is_cancelled() {
        let started = Instant::now();
        let ended = consumer.session(&check, &stop).await;
        check.set(false);
        if started.elapsed() > STEADY {
            delays = backoff();
        }
        if let Err(error) = ended {
            tracing::warn!(
                queue = queue.name,
                error = format!("{error:#}"),
                "not consuming; trying on"
            );
            tokio::select! {
                () = stop.cancelled() => {}
                () = sleep(delays.next().unwrap_or_default()) => {}
            }
        }
    }
}

struct Consumer {
    queue: Queue,
    pool: PgPool,
    bus: Arc<Bus>,
    handler: Arc<dyn EventHandler>,
    /// Whether the last attempt failed for a reason that will pass.
    waiting: AtomicBool,
}

impl Consumer {
    /// Consumes until stopped, or until the channel is lost; RabbitMQ then gives what was not acked to the next one.
    async fn session(&self, check: &Check, stop: &CancellationToken) -> anyhow::Result<()> {
        let (subscription, deliveries) = tokio::select! {
            () = stop.cancelled() => return Ok(()),
            opened = Subscription::open(&self.bus, self.queue, self.handler.batch()) => opened?,
        };
        check.set(true);
        let watch = async {
            subscription.lost().await;
            check.set(false);
            // The work ends by itself, but not in the middle of a transaction.
            std::future::pending().await
        };
        tokio::select! {
            ended = self.work(&subscription, deliveries, stop) => ended,
            () = watch => Ok(()),
        }
    }

    async fn work(
        &self,
        subscription: &Subscription,
        deliveries: lapin::Consumer,
        stop: &CancellationToken,
    ) -> anyhow::Result<()> {
        let mut batches = deliveries.ready_chunks(self.handler.batch().max(1).into());
        let mut holding = Holding::default();
        let mut begun: Option<Instant> = None;
        loop {
            let room = holding.len() < MOST_HELD;
            tokio::select! {
                biased;
                () = stop.cancelled() => return Ok(()),
                () = subscription.lost() => bail!("the channel was lost"),
                held = holding.next_due() => self.retry(subscription, held, &mut holding).await?,
                batch = paced(begun, batches.next()), if room => {
                    begun = Some(Instant::now());
                    let batch = batch.context("RabbitMQ ended the consumer")?;
                    let batch = batch.into_iter().collect::<lapin::Result<Vec<_>>>()?;
                    self.take(subscription, batch, &mut holding).await?;
                }
            }
        }
    }

    /// Applies a batch; if that fails, holds its events to try each alone.
    async fn take(
        &self,
        subscription: &Subscription,
        deliveries: Vec<Delivery>,
        holding: &mut Holding,
    ) -> anyhow::Result<()> {
        metrics::histogram!("consumer_batch_size", "queue" => self.queue.name)
            .record(deliveries.len() as f64);
        let mut taken = Vec::with_capacity(deliveries.len());
        let mut events = Vec::with_capacity(deliveries.len());
        for delivery in deliveries {
            match CloudEvent::from_slice(&delivery.data) {
                Ok(event) => {
                    events.push(event);
                    taken.push(delivery);
                }
                // Not serde's whole message: it may quote the payload.
                Err(error) => {
                    let reason = format!(
                        "no CloudEvent: {:?} error at column {}",
                        error.classify(),
                        error.column()
                    );
                    holding.push(Held::hopeless(delivery, reason));
                }
            }
        }
        if events.is_empty() {
            return Ok(());
        }
        match self.apply(&events).await {
            Ok(()) if holding.is_empty() => {
                let last = taken.pop().context("an empty batch")?;
                subscription.ack(&last, true).await
            }
            Ok(()) => {
                // Not all at once: an earlier one may be held.
                for delivery in &taken {
                    subscription.ack(delivery, false).await?;
                }
                Ok(())
            }
            Err(error) => {
                let alone = events.len() == 1;
                for (delivery, event) in taken.into_iter().zip(events) {
                    let mut held = Held::suspect(delivery, event);
                    if alone {
                        self.failed(&mut held, &error);
                    }
                    holding.push(held);
                }
                Ok(())
            }
        }
    }

    /// Tries one event alone. When there is nothing left to try, makes a dead letter of it.
    async fn retry(
        &self,
        subscription: &Subscription,
        mut held: Held,
        holding: &mut Holding,
    ) -> anyhow::Result<()> {
        if let Some(event) = held.event.as_ref().filter(|_| !held.is_given_up()) {
            match self.apply(std::slice::from_ref(event)).await {
                Ok(()) => return subscription.ack(&held.delivery, false).await,
                Err(error) => self.failed(&mut held, &error),
            }
        }
        if !held.is_given_up() {
            holding.push(held);
            return Ok(());
        }
        match self.bury(&held).await {
            Ok(()) => subscription.ack(&held.delivery, false).await,
            Err(error) => {
                tracing::warn!(
                    queue = self.queue.name,
                    error = format!("{error:#}"),
                    "a dead letter was not taken; trying on"
                );
                held.postponed(held.reason.clone());
                holding.push(held);
                Ok(())
            }
        }
    }

    fn failed(&self, held: &mut Held, error: &Error) {
        // Debug: with the source, which an operator needs.
        let reason = format!("{error:?}");
        self.count("failed", 1);
        if error.is_transient() || error.code() == Code::TooManyRequests {
            // Whatever is away is away for every event: one line says it.
            if !held.has_waited() && !self.waiting.swap(true, Ordering::Relaxed) {
                tracing::warn!(
                    queue = self.queue.name,
                    error = reason,
                    "events have to wait; trying on"
                );
            }
            held.postponed(reason);
            return;
        }
        if held.tries == 0
            && let Some(event) = &held.event
        {
            tracing::warn!(
                queue = self.queue.name,
                event.id = %event.id,
                event.kind = event.kind,
                error = reason,
                "event not handled; trying on"
            );
        }
        held.rejected(reason);
    }

    /// Publishes a copy among the queue's dead letters, with what is known of its end.
    async fn bury(&self, held: &Held) -> anyhow::Result<()> {
        let reason: String = held.reason.chars().take(LONGEST_REASON).collect();
        let queue = self.bus.topology.queue(self.queue);
        let properties = &held.delivery.properties;
        let mut headers = properties.headers().clone().unwrap_or_default();
        for (name, value) in [
            ("x-error", reason.clone()),
            ("x-queue", queue.clone()),
            ("x-first-failed-at", held.first_failed_at.to_rfc3339()),
        ] {
            headers.insert(name.into(), AMQPValue::LongString(value.into()));
        }
        headers.insert(
            "x-attempts".into(),
            AMQPValue::LongInt(held.tries.cast_signed()),
        );
        let message_id = properties.message_id().as_ref();
        self.bus
            .dead_letter(Message {
                message_id: message_id
                    .map_or_else(|| Uuid::now_v7().to_string(), ToString::to_string),
                routing_key: &queue,
                body: &held.delivery.data,
                properties: properties.clone().with_headers(headers),
            })
            .await?;
        self.count("dead", 1);
        let event_id = held.event.as_ref().map(|event| event.id.to_string());
        let event_kind = held.event.as_ref().map(|event| event.kind.as_str());
        // An error would come back to this queue as an event, and die, and so on.
        if self.queue == WORKER_ERRORS {
            tracing::warn!(
                queue,
                event.id = event_id,
                event.kind = event_kind,
                error = reason,
                "dead letter"
            );
        } else {
            tracing::error!(
                queue,
                event.id = event_id,
                event.kind = event_kind,
                error = reason,
                "dead letter"
            );
        }
        Ok(())
    }

    /// Applies those of the events that are new, in one transaction.
    async fn apply(&self, events: &[CloudEvent]) -> Result<()> {
        let mut conn = self.pool.acquire().await?;
        let work = AssertUnwindSafe(self.transaction(&mut conn, events)).catch_unwind();
        let outcome = match timeout(APPLY_TIMEOUT, work).await {
            Ok(Ok(outcome)) => return outcome,
            Ok(Err(panic)) => Err(Error::internal(anyhow!(
                "the handler panicked: {}",
                message(&*panic)
            ))),
            Err(_) => Err(Error::unavailable(anyhow!("not done in {APPLY_TIMEOUT:?}"))),
        };
        // Left half-way, perhaps inside a statement: nobody else should get this connection.
        conn.close_on_drop();
        outcome
    }

    async fn transaction(&self, conn: &mut PgConnection, events: &[CloudEvent]) -> Result<()> {
        let mut tx = conn.begin().await?;
        let fresh = inbox::note(&mut tx, self.queue.name, events).await?;
        if !fresh.is_empty() {
            let handling = self.handler.handle(&mut tx, &fresh);
            match &*fresh {
                // Several events have several causes; what the handler appends then belongs to none of their traces.
                [event] if event.traceparent.is_some() => {
                    TraceContext::from_headers(event.traceparent.as_deref(), None)
                        .scope(handling)
                        .await?;
                }
                _ => handling.await?,
            }
        }
        tx.commit().await?;
        if self.waiting.swap(false, Ordering::Relaxed) {
            tracing::info!(queue = self.queue.name, "events are handled again");
        }
        self.count("applied", fresh.len());
        self.count("duplicate", events.len() - fresh.len());
        Ok(())
    }

    fn count(&self, outcome: &'static str, events: usize) {
        metrics::counter!("consumer_events_total", "queue" => self.queue.name, "outcome" => outcome)
            .increment(events as u64);
    }
}

/// Waits until the pace allows another turn, then for what comes.
async fn paced<T>(begun: Option<Instant>, next: impl Future<Output = T>) -> T {
    if let Some(begun) = begun {
        sleep(PACE.saturating_sub(begun.elapsed())).await;
    }
    next.await
}

fn message(panic: &(dyn Any + Send)) -> &str {
    panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no message")
}
