use std::{
    panic::AssertUnwindSafe,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{anyhow, bail};
use apalis::prelude::{
    Event, EventListenerExt as _, WorkerBuilder, WorkerBuilderExt as _, WorkerContext,
};
use apalis_core::{backend::ext::poll_strategy::PollWith, task::Task};
use apalis_postgres::PostgresStorage;
use chassis::health::Check;
use futures::FutureExt as _;
use serde_json::Value;
use sqlx::PgPool;
use tokio::{sync::watch, time};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::{Job, Timing, attempt::Attempts, poll::Every};

/// At shutdown, running jobs get this long to come to an end. Those that do not are taken over by another worker.
const GRACE: Duration = Duration::from_secs(8);
const PAUSE_BEFORE_RESTART: Duration = Duration::from_secs(1);

/// Works on jobs of one kind until `stop`. A worker that fails (its database is away, say) is replaced by a new one;
/// `alive` tells whether there is one.
pub async fn work<J: Job>(
    pool: PgPool,
    timing: Timing,
    job: Arc<J>,
    alive: Check,
    stop: CancellationToken,
) {
    let mut down = false;
    while !stop.is_cancelled() {
        // A new name each time: under its old name a worker would keep its own orphans alive.
        let name = format!("{}-{}", J::KIND, Uuid::now_v7());
        let life = live(&pool, timing, Arc::clone(&job), &name, &alive, &stop);
        let ended = AssertUnwindSafe(life)
            .catch_unwind()
            .await
            .unwrap_or_else(|_| Err(anyhow!("panicked")));
        let lived = alive.holds();
        alive.set(false);
        if let Err(error) = ended {
            let error = format!("{error:#}");
            // One line per outage, not one per replacement.
            if lived || !down {
                tracing::warn!(
                    worker = name,
                    error,
                    "a worker failed; others will take its place"
                );
            } else {
                tracing::debug!(worker = name, error, "a worker failed again");
            }
            down = true;
        }
        if let Err(error) = release(&pool, &name).await {
            tracing::debug!(worker = name, %error, "its jobs stay with it until its lease ends");
        }
        let _ = time::timeout(PAUSE_BEFORE_RESTART, stop.cancelled()).await;
    }
}

/// The life of one worker.
async fn live<J: Job>(
    pool: &PgPool,
    timing: Timing,
    job: Arc<J>,
    name: &str,
    alive: &Check,
    stop: &CancellationToken,
) -> anyhow::Result<()> {
    let config = apalis_postgres::Config::default()
        .queue(J::KIND)
        // A larger batch waits in a buffer when all hands are busy, and meanwhile apalis neither sends heartbeats nor
        // acknowledges, so that another worker takes the jobs and they run twice.
        .batch_size(1)
        // Fetching a job already gives it to this worker alone.
        .lock_tasks(false)
        .heartbeat_interval(timing.heartbeat)
        .missed_heartbeats(timing.missed_heartbeats as usize);
    // The payload is decoded in the attempt: here, one that does not decode would kill the worker, and the next one.
    let storage = PostgresStorage::<Value>::new(pool).with_config(config);
    let attempts = Attempts {
        pool: pool.clone(),
        job,
        worker: name.into(),
    };
    let (beat, beats) = watch::channel(Instant::now());
    let context = WorkerContext::new(name);
    let worker = WorkerBuilder::new(&context)
        .backend(PollWith::new(storage, Every::new(timing.poll)))
        .concurrency(J::POLICY.concurrency)
        .on_event({
            let alive = alive.clone();
            move |_, event| {
                if matches!(event, Event::HeartBeat) {
                    alive.set(true);
                    let _ = beat.send(Instant::now());
                }
            }
        })
        .build(tower::service_fn(move |task: Task<Value>| {
            attempts.clone().attempt(task)
        }));
    let mut running = Box::pin(worker.run());
    tokio::select! {
        // First, so that the worker has begun when it is told to stop.
        biased;
        ended = &mut running => {
            ended?;
            bail!("ended without being told to");
        }
        () = stop.cancelled() => {}
        silent = silence(beats, timing.lease()) => {
            bail!("no heartbeat for {silent:?}: the database does not answer");
        }
    }
    context.stop()?;
    match time::timeout(GRACE, running).await {
        Ok(ended) => Ok(ended?),
        Err(_) => bail!("jobs were still running {GRACE:?} after the stop"),
    }
}

/// Waits until there was no heartbeat for as long as the lease: by then others take this worker's jobs.
async fn silence(beats: watch::Receiver<Instant>, lease: Duration) -> Duration {
    loop {
        let since = beats.borrow().elapsed();
        if since > lease {
            return since;
        }
        time::sleep(lease - since + Duration::from_millis(1)).await;
    }
}

/// Hands back what a worker that has ended leaves behind, so that nobody must wait for its lease to end. A try that had
/// begun counts.
async fn release(pool: &PgPool, worker: &str) -> sqlx::Result<()> {
    sqlx::query(
        "update apalis.jobs
         set attempts = attempts + (exists (
                 select from job_attempts where job_id = jobs.id and worker = $1 and finished_at is null
             ))::integer,
             status = 'Pending', lock_by = null, lock_at = null, done_at = null
         where lock_by = $1 and status in ('Queued', 'Running')",
    )
    .bind(worker)
    .execute(pool)
    .await?;
    Ok(())
}
