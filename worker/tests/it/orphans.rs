//! A worker that dies leaves its job to another.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::{Duration, Instant},
};

use async_trait::async_trait;
use worker::queue::{Job, JobState, Policy};

use crate::support::{Worker, add, database, eventually, state, tries, wait_for_state};

/// Never ends at the first try.
#[derive(Default)]
struct SecondTime(AtomicU32);

#[async_trait]
impl Job for SecondTime {
    const KIND: &'static str = "second_time";
    const POLICY: Policy = Policy {
        timeout: Duration::from_secs(60),
        ..Policy::DEFAULT
    };
    type Payload = ();

    async fn run(&self, (): ()) -> anyhow::Result<()> {
        if self.0.fetch_add(1, Ordering::SeqCst) == 0 {
            std::future::pending().await
        }
        Ok(())
    }
}

async fn wait_until_running(pool: &sqlx::PgPool, id: &str) {
    eventually(async || (!tries(pool, id).await.is_empty()).then_some(())).await;
    wait_for_state(pool, id, JobState::Running).await;
}

#[tokio::test]
async fn the_job_of_a_dead_worker_is_done_by_another() {
    let database = database().await;
    let pool = &database.pool;
    let job = Arc::new(SecondTime::default());
    let id = add::<SecondTime>(pool, "a", ()).await;
    let first = Worker::start(pool, job.clone());
    let second = Worker::start(pool, job.clone());
    wait_until_running(pool, &id).await;
    let holder: String = sqlx::query_scalar("select lock_by from apalis.jobs")
        .fetch_one(pool)
        .await
        .unwrap();
    let oldest: String = sqlx::query_scalar("select id from apalis.workers order by id limit 1")
        .fetch_one(pool)
        .await
        .unwrap();

    // Both are alike, so whichever has the job dies; their names are in order of their start.
    let (dying, living) = if holder == oldest {
        (first, second)
    } else {
        (second, first)
    };
    dying.kill().await;
    let died = Instant::now();
    wait_for_state(pool, &id, JobState::Succeeded).await;

    assert!(
        died.elapsed() < Duration::from_secs(8),
        "{:?}",
        died.elapsed()
    );
    let tries = tries(pool, &id).await;
    assert_eq!(
        tries.iter().map(|one| one.attempt).collect::<Vec<_>>(),
        [1, 2]
    );
    assert_eq!(
        tries[0].error.as_deref(),
        Some("the worker died or lost its database")
    );
    assert_eq!(tries[1].error, None);
    assert_eq!(job.0.load(Ordering::SeqCst), 2);
    living.stop().await;
}

#[tokio::test]
async fn a_worker_that_lives_keeps_its_long_job() {
    let database = database().await;
    let pool = &database.pool;
    let job = Arc::new(SecondTime::default());
    let id = add::<SecondTime>(pool, "a", ()).await;
    let one = Worker::start(pool, job.clone());
    let other = Worker::start(pool, job.clone());
    wait_until_running(pool, &id).await;

    // Longer than the lease.
    tokio::time::sleep(Duration::from_secs(5)).await;

    assert_eq!(state(pool, &id).await, JobState::Running);
    assert_eq!(job.0.load(Ordering::SeqCst), 1);
    one.kill().await;
    other.kill().await;
}

/// Takes a while.
struct Slow;

#[async_trait]
impl Job for Slow {
    const KIND: &'static str = "slow";
    type Payload = ();

    async fn run(&self, (): ()) -> anyhow::Result<()> {
        tokio::time::sleep(Duration::from_secs(1)).await;
        Ok(())
    }
}

#[tokio::test]
async fn a_worker_that_is_stopped_ends_its_job_first() {
    let database = database().await;
    let pool = &database.pool;
    let id = add::<Slow>(pool, "a", ()).await;
    let worker = Worker::start(pool, Arc::new(Slow));
    wait_until_running(pool, &id).await;

    worker.stop().await;

    assert_eq!(state(pool, &id).await, JobState::Succeeded);
    assert_eq!(tries(pool, &id).await.len(), 1);
}
