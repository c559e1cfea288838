//! The relay: publishes what stands in the outbox, and takes it out. Each event at least once, and in calm exactly once; any
//! number of relays may share one outbox: what one has in hand it has locked, and the others pass over it.

use std::{convert::Infallible, sync::Arc, time::Duration};

use anyhow::{Context as _, bail};
use sqlx::{PgConnection, PgPool, postgres::PgListener};
use tokio::{
    sync::Notify,
    time::{Instant, sleep, timeout},
};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::{
    Bus, backoff, event_properties,
    publisher::{Message, Publisher, Receipt},
    topology,
};

/// Events taken and published together.
const BATCH: usize = 500;
/// How often the outbox is looked at when nothing wakes the relay, and how often from its beginning.
const POLL: Duration = Duration::from_secs(1);
/// Under load, turns are at least so far apart: many events cost little more than one. A first event waits for nothing.
const PACE: Duration = Duration::from_millis(10);
/// Waiting for RabbitMQ; then the relay looks whether it should stop.
const OPEN_TIMEOUT: Duration = Duration::from_secs(2);
/// One statement; a database that does not answer at all is as good as away.
const STATEMENT_TIMEOUT: Duration = Duration::from_secs(10);
/// What is left to publish when the service stops gets this long.
const STOP_TIMEOUT: Duration = Duration::from_secs(5);
/// How often the backlog is measured. Counting a long one is not free.
const MEASURE: Duration = Duration::from_secs(5);

/// Publishes until stopped, and then what is still there. No outage of PostgreSQL or RabbitMQ ends it.
pub async fn run(pool: PgPool, bus: Arc<Bus>, stop: CancellationToken) {
    let wake = Notify::new();
    let mut relay = Relay {
        pool: pool.clone(),
        bus,
        publisher: None,
        measured: None,
        begun: Instant::now(),
        published: 0,
        from: 0,
        swept: None,
    };
    let too_late = async {
        stop.cancelled().await;
        sleep(STOP_TIMEOUT).await;
    };
    tokio::select! {
        () = relay.work(&wake, &stop) => {}
        never = listen(&pool, &wake) => match never {},
        () = too_late => {}
    }
}

/// Wakes the relay when something was stored.
async fn listen(pool: &PgPool, wake: &Notify) -> Infallible {
    let mut delays = backoff();
    loop {
        // A new one after every loss: sqlx's own reconnecting gives up at a server that is shutting down.
        if let Ok(mut listener) = open_session(pool).await {
            delays = backoff();
            while let Ok(Some(_)) = listener.try_recv().await {
                wake.notify_one();
            }
        }
        sleep(delays.next().unwrap_or_default()).await;
    }
}

async fn open_session(pool: &PgPool) -> sqlx::Result<PgListener> {
    let mut listener = PgListener::connect_with(pool).await?;
    listener.eager_reconnect(false);
    listener.listen("outbox").await?;
    Ok(listener)
}

struct Relay {
    pool: PgPool,
    bus: Arc<Bus>,
    publisher: Option<Publisher>,
    measured: Option<Instant>,
    /// When the last turn began.
    begun: Instant,
    /// The highest number that was published.
    published: i64,
    /// What is below was looked at: see [`Relay::take`].
    from: i64,
    /// When the outbox was last looked at from its beginning.
    swept: Option<Instant>,
}

/// A row of the outbox that this relay has in hand.
#[derive(sqlx::FromRow)]
struct Taken {
    seq: i64,
    id: Uuid,
    kind: String,
    payload: Vec<u8>,
}

impl Relay {
    async fn work(&mut self, wake: &Notify, stop: &CancellationToken) {
        let mut delays = backoff();
        let mut failing = false;
        loop {
            let last = stop.is_cancelled();
            let pause = match self.turn().await {
                Ok(BATCH) => continue,
                Ok(_) => {
                    if failing {
                        tracing::info!("publishing the outbox again");
                        failing = false;
                        delays = backoff();
                    }
                    None
                }
                Err(error) => {
                    if !failing {
                        tracing::warn!(
                            error = format!("{error:#}"),
                            "cannot publish the outbox; trying on"
                        );
                        failing = true;
                    }
                    delays.next()
                }
            };
            if last {
                return;
            }
            match pause {
                // More writing wakes a relay that works, but does not hurry one that fails.
                Some(pause) => tokio::select! {
                    () = stop.cancelled() => {}
                    () = sleep(pause) => {}
                },
                None => {
                    tokio::select! {
                        () = stop.cancelled() => {}
                        () = wake.notified() => {}
                        () = sleep(POLL) => {}
                    }
                    sleep(PACE.saturating_sub(self.begun.elapsed())).await;
                }
            }
        }
    }

    /// Publishes one batch; the number of events in it.
    async fn turn(&mut self) -> anyhow::Result<usize> {
        self.begun = Instant::now();
        self.measure().await?;
        // First, so that nothing is taken while RabbitMQ is away.
        let mut publisher = match self.publisher.take().filter(Publisher::is_usable) {
            Some(publisher) => publisher,
            None => timeout(OPEN_TIMEOUT, self.bus.publisher())
                .await
                .context("RabbitMQ is away")??,
        };
        // Nobody waits for the locks of this transaction: writers add rows, and other relays pass over these.
        let mut tx = in_time(self.pool.begin())
            .await
            .context("reading the outbox")?;
        let batch = self.take(&mut tx).await?;
        let exchange = self.bus.topology.events();
        let receipts = publisher.send(&exchange, messages(&batch)).await;

        let mut published = Vec::with_capacity(batch.len());
        for (event, receipt) in batch.iter().zip(&receipts) {
            match receipt {
                Receipt::Stored => published.push(event.seq),
                Receipt::Unroutable if !topology::is_wanted(&event.kind) => {
                    published.push(event.seq)
                }
                Receipt::Unroutable | Receipt::Failed => {}
            }
        }
        delete(&mut tx, &published).await?;
        in_time(tx.commit()).await.context("clearing the outbox")?;
        self.published = published
            .last()
            .copied()
            .unwrap_or_default()
            .max(self.published);
        metrics::counter!("outbox_published_total", "service" => self.bus.service.clone())
            .increment(published.len() as u64);

        if !receipts.contains(&Receipt::Failed) {
            self.publisher = Some(publisher);
        }
        if published.len() == batch.len() {
            return Ok(batch.len());
        }
        // They are below what was published.
        self.swept = None;
        if receipts.contains(&Receipt::Unroutable) {
            // A queue of ours is gone, or the exchange was made anew without it.
            self.bus
                .declare()
                .await
                .context("declaring the queues again")?;
        }
        bail!(
            "RabbitMQ did not take {} of {} events",
            batch.len() - published.len(),
            batch.len()
        )
    }

    /// Takes the oldest events that no other relay has in hand. By state, never by the highest number seen so far alone: a
    /// transaction with lower numbers may commit later. So once in [`POLL`] it looks from the beginning; in between it spares
    /// the database the way through what was published before the last such look, and is not cleaned up yet.
    async fn take(&mut self, tx: &mut PgConnection) -> anyhow::Result<Vec<Taken>> {
        let sweeps = self.swept.is_none_or(|at| at.elapsed() >= POLL);
        let from = if sweeps { 0 } else { self.from };
        let take = sqlx::query_as(
            // Leases are those of the release before this one.
            "select seq, id, kind, payload from outbox
              where published_at is null and seq >= $2 and (leased_until is null or leased_until < now())
              order by seq limit $1
                for update skip locked",
        )
        .bind(BATCH as i64)
        .bind(from)
        .fetch_all(tx);
        let batch: Vec<Taken> = in_time(take).await.context("reading the outbox")?;
        if sweeps {
            self.from = self.published;
            self.swept = Some(Instant::now());
        }
        Ok(batch)
    }

    async fn measure(&mut self) -> anyhow::Result<()> {
        if self.measured.is_some_and(|at| at.elapsed() < MEASURE) {
            return Ok(());
        }
        let backlog = in_time(backlog(&self.pool)).await?;
        let service = self.bus.service.clone();
        metrics::gauge!("outbox_unpublished", "service" => service.clone())
            .set(backlog.unpublished as f64);
        metrics::gauge!("outbox_oldest_seconds", "service" => service)
            .set(backlog.oldest_seconds as f64);
        self.measured = Some(Instant::now());
        Ok(())
    }
}

/// Takes published events out.
async fn delete(tx: &mut PgConnection, published: &[i64]) -> anyhow::Result<()> {
    if published.is_empty() {
        return Ok(());
    }
    let delete = sqlx::query("delete from outbox where seq = any($1)")
        .bind(published)
        .execute(tx);
    in_time(delete).await.context("clearing the outbox")?;
    Ok(())
}

fn messages(batch: &[Taken]) -> Vec<Message<'_>> {
    batch
        .iter()
        .map(|event| Message {
            message_id: event.id.to_string(),
            routing_key: &event.kind,
            body: &event.payload,
            properties: event_properties(&event.kind),
        })
        .collect()
}

/// How far the outbox is behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, sqlx::FromRow)]
pub struct Backlog {
    pub unpublished: i64,
    /// Age of the oldest event that is not published; 0 when there is none.
    pub oldest_seconds: i64,
}

/// Measures the outbox.
///
/// # Errors
/// When the database refuses.
pub async fn backlog(pool: &PgPool) -> sqlx::Result<Backlog> {
    sqlx::query_as(
        "select count(*) as unpublished,
                coalesce(extract(epoch from now() - min(created_at)), 0)::bigint as oldest_seconds
         from outbox where published_at is null",
    )
    .fetch_one(pool)
    .await
}

async fn in_time<T>(statement: impl Future<Output = sqlx::Result<T>>) -> anyhow::Result<T> {
    Ok(timeout(STATEMENT_TIMEOUT, statement)
        .await
        .context("no answer in time")??)
}
