//! The relay: publishes what stands in the outbox. Each event at least once, and in calm exactly once; any number of
//! relays may share one outbox.

use std::{convert::Infallible, sync::Arc, time::Duration};

use anyhow::{Context as _, bail};
use sqlx::{PgPool, postgres::PgListener};
use tokio::{
    sync::{Notify, watch},
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
/// How often the outbox is looked at when nothing wakes the relay.
const POLL: Duration = Duration::from_secs(1);
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
    let (opened, session) = watch::channel(None);
    let mut relay = Relay {
        pool: pool.clone(),
        bus,
        session,
        publisher: None,
        measured: None,
    };
    let too_late = async {
        stop.cancelled().await;
        sleep(STOP_TIMEOUT).await;
    };
    tokio::select! {
        () = relay.work(&wake, &stop) => {}
        never = listen(&pool, &wake, &opened) => match never {},
        () = too_late => {}
    }
}

/// Keeps a session with PostgreSQL: it wakes the relay when something was stored, and by its end the other relays know that
/// this one is dead.
async fn listen(pool: &PgPool, wake: &Notify, session: &watch::Sender<Option<i32>>) -> Infallible {
    let mut delays = backoff();
    loop {
        // A new one after every loss: sqlx's own reconnecting gives up at a server that is shutting down.
        if let Ok((mut listener, id)) = open_session(pool).await {
            delays = backoff();
            session.send_replace(Some(id));
            while let Ok(Some(_)) = listener.try_recv().await {
                wake.notify_one();
            }
            session.send_replace(None);
        }
        sleep(delays.next().unwrap_or_default()).await;
    }
}

async fn open_session(pool: &PgPool) -> sqlx::Result<(PgListener, i32)> {
    let mut listener = PgListener::connect_with(pool).await?;
    listener.eager_reconnect(false);
    listener.listen("outbox").await?;
    let id = sqlx::query_scalar("select pg_backend_pid()")
        .fetch_one(&mut listener)
        .await?;
    Ok((listener, id))
}

struct Relay {
    pool: PgPool,
    bus: Arc<Bus>,
    /// The PostgreSQL process of this relay's session, which signs its leases.
    session: watch::Receiver<Option<i32>>,
    publisher: Option<Publisher>,
    measured: Option<Instant>,
}

/// A row of the outbox that this relay has in hand.
#[derive(sqlx::FromRow)]
struct Leased {
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
                None => tokio::select! {
                    () = stop.cancelled() => {}
                    () = wake.notified() => {}
                    () = sleep(POLL) => {}
                },
            }
        }
    }

    /// Publishes one batch; the number of events in it.
    async fn turn(&mut self) -> anyhow::Result<usize> {
        self.measure().await?;
        // First, so that nothing is leased while RabbitMQ is away.
        let mut publisher = match self.publisher.take().filter(Publisher::is_usable) {
            Some(publisher) => publisher,
            None => timeout(OPEN_TIMEOUT, self.bus.publisher())
                .await
                .context("RabbitMQ is away")??,
        };
        let batch = self.lease().await?;
        let exchange = self.bus.topology.events();
        let receipts = publisher.send(&exchange, messages(&batch)).await;

        let mut published = Vec::with_capacity(batch.len());
        let mut failed = Vec::new();
        for (event, receipt) in batch.iter().zip(&receipts) {
            match receipt {
                Receipt::Stored => published.push(event.seq),
                Receipt::Unroutable if !topology::is_wanted(&event.kind) => {
                    published.push(event.seq)
                }
                Receipt::Unroutable | Receipt::Failed => failed.push(event.seq),
            }
        }
        self.settle(&published, &failed).await?;
        metrics::counter!("outbox_published_total", "service" => self.bus.service.clone())
            .increment(published.len() as u64);

        if !receipts.contains(&Receipt::Failed) {
            self.publisher = Some(publisher);
        }
        if failed.is_empty() {
            return Ok(batch.len());
        }
        if receipts.contains(&Receipt::Unroutable) {
            // A queue of ours is gone, or the exchange was made anew without it.
            self.bus
                .declare()
                .await
                .context("declaring the queues again")?;
        }
        bail!(
            "RabbitMQ did not take {} of {} events",
            failed.len(),
            batch.len()
        )
    }

    /// Takes the oldest events that no living relay has in hand. By state, never by the highest number seen so far: a
    /// transaction with lower numbers may commit later. What this relay itself leased before, it no longer has in hand.
    async fn lease(&mut self) -> anyhow::Result<Vec<Leased>> {
        let session = *timeout(STATEMENT_TIMEOUT, self.session.wait_for(Option::is_some))
            .await
            .context("no session with PostgreSQL")??;
        let lease = sqlx::query_as(
            "with free as materialized (
                 select seq from outbox
                 where published_at is null
                   and (leased_until is null or leased_until < now() or leased_by = $2
                        or leased_by <> all (array(select pid from pg_stat_activity)))
                 order by seq limit $1
                 for update skip locked
             )
             update outbox
             set leased_until = now() + interval '30 seconds', leased_by = $2
             from free where outbox.seq = free.seq
             returning outbox.seq, outbox.id, outbox.kind, outbox.payload",
        )
        .bind(BATCH as i64)
        .bind(session)
        .fetch_all(&self.pool);
        let mut batch: Vec<Leased> = in_time(lease).await.context("reading the outbox")?;
        batch.sort_unstable_by_key(|event| event.seq);
        Ok(batch)
    }

    /// Marks what is published, and lets go of what is not.
    async fn settle(&self, published: &[i64], failed: &[i64]) -> anyhow::Result<()> {
        if published.is_empty() && failed.is_empty() {
            return Ok(());
        }
        let settle = sqlx::query(
            "update outbox
             set leased_until = null, leased_by = null,
                 published_at = case when seq = any($1) then now() end
             where (seq = any($1) or seq = any($2)) and published_at is null",
        )
        .bind(published)
        .bind(failed)
        .execute(&self.pool);
        in_time(settle).await.context("marking the outbox")?;
        Ok(())
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

fn messages(batch: &[Leased]) -> Vec<Message<'_>> {
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
