//! How jobs are tried: growing pauses, an end to it, and an end to each try.

use std::{sync::Arc, time::Duration};

use anyhow::{Context as _, anyhow};
use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use worker::queue::{Job, JobState, Policy, permanent};

use crate::support::{Worker, add, database, tries, wait_for_state};

/// How a job of this test ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
enum End {
    Well,
    Error,
    Permanent,
    Panic,
    Hang,
    /// Keeps its thread, so that it cannot be aborted.
    Block,
}

struct Ending;

#[async_trait]
impl Job for Ending {
    const KIND: &'static str = "ending";
    const POLICY: Policy = Policy {
        max_attempts: 3,
        first_pause: Duration::from_millis(300),
        longest_pause: Duration::from_secs(10),
        timeout: Duration::from_secs(1),
        concurrency: 4,
    };
    type Payload = End;

    async fn run(&self, end: End) -> anyhow::Result<()> {
        match end {
            End::Well => Ok(()),
            End::Error => Err(anyhow!("the cause with a \0 in it")).context("the context"),
            End::Permanent => Err(permanent(anyhow!("no such customer"))),
            End::Panic => panic!("a bug"),
            End::Hang => std::future::pending().await,
            End::Block => {
                std::thread::sleep(Duration::from_millis(1_500));
                Ok(())
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_failing_job_is_tried_again_after_growing_pauses_and_then_given_up() {
    let database = database().await;
    let pool = &database.pool;
    let id = add::<Ending>(pool, "a", End::Error).await;
    let worker = Worker::start(pool, Arc::new(Ending));

    wait_for_state(pool, &id, JobState::Retrying).await;
    wait_for_state(pool, &id, JobState::Failed).await;
    // It stays failed.
    tokio::time::sleep(Duration::from_millis(500)).await;

    let tries = tries(pool, &id).await;
    assert_eq!(
        tries.iter().map(|one| one.attempt).collect::<Vec<_>>(),
        [1, 2, 3]
    );
    for one in &tries {
        assert_eq!(
            one.error.as_deref(),
            Some("the context: the cause with a \u{fffd} in it")
        );
    }
    let pauses: Vec<f64> = tries
        .windows(2)
        .map(|pair| pair[1].started - pair[0].finished.unwrap())
        .collect();
    assert!(
        pauses[0] >= 0.3 && pauses[1] >= 0.6 && pauses[1] > pauses[0],
        "{pauses:?}"
    );
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_job_that_panics_hangs_or_blocks_its_thread_has_failed_and_takes_no_other_with_it() {
    let database = database().await;
    let pool = &database.pool;
    let mut bad = Vec::new();
    for (end, reason) in [
        (End::Panic, "panicked: a bug"),
        (End::Hang, "not done after 1s"),
        (End::Block, "not done after 1s"),
    ] {
        bad.push((add::<Ending>(pool, reason, end).await, reason, end));
        if end == End::Hang {
            // The same reason again, so another key.
            sqlx::query(
                "update apalis.jobs set idempotency_key = 'hang' where idempotency_key = $1",
            )
            .bind(reason)
            .execute(pool)
            .await
            .unwrap();
        }
    }
    let good = add::<Ending>(pool, "good", End::Well).await;
    let worker = Worker::start(pool, Arc::new(Ending));

    wait_for_state(pool, &good, JobState::Succeeded).await;
    for (id, reason, end) in bad {
        wait_for_state(pool, &id, JobState::Failed).await;
        let tries = tries(pool, &id).await;
        assert_eq!(tries.len(), 3, "{end:?}");
        for one in tries {
            assert_eq!(one.error.as_deref(), Some(reason));
        }
    }
    worker.stop().await;
}

#[tokio::test]
async fn a_permanent_failure_is_not_tried_again() {
    let database = database().await;
    let pool = &database.pool;
    let id = add::<Ending>(pool, "a", End::Permanent).await;
    let worker = Worker::start(pool, Arc::new(Ending));

    wait_for_state(pool, &id, JobState::Failed).await;

    let tries = tries(pool, &id).await;
    assert_eq!(tries.len(), 1);
    assert_eq!(
        tries[0].error.as_deref(),
        Some("not worth another try: no such customer")
    );
    worker.stop().await;
}

#[tokio::test]
async fn a_payload_of_another_shape_fails_its_job_and_not_the_worker() {
    let database = database().await;
    let pool = &database.pool;
    let odd = add::<Ending>(pool, "odd", End::Well).await;
    sqlx::query("update apalis.jobs set job = '{\"of\": \"another kind\"}'")
        .execute(pool)
        .await
        .unwrap();
    let good = add::<Ending>(pool, "good", End::Well).await;
    let worker = Worker::start(pool, Arc::new(Ending));

    wait_for_state(pool, &odd, JobState::Failed).await;
    wait_for_state(pool, &good, JobState::Succeeded).await;

    let error = tries(pool, &odd).await.remove(0).error.unwrap();
    assert!(error.contains("the payload is not of this kind"), "{error}");
    worker.stop().await;
}

#[tokio::test]
async fn a_job_that_killed_its_worker_each_time_is_given_up() {
    let database = database().await;
    let pool = &database.pool;
    let id = add::<Ending>(pool, "a", End::Well).await;
    // As apalis leaves it when it is taken from the last of three dead workers.
    sqlx::query("update apalis.jobs set attempts = 3")
        .execute(pool)
        .await
        .unwrap();
    let worker = Worker::start(pool, Arc::new(Ending));

    wait_for_state(pool, &id, JobState::Failed).await;

    let error = tries(pool, &id).await.remove(0).error.unwrap();
    assert!(error.contains("its worker died 3 times"), "{error}");
    worker.stop().await;
}
