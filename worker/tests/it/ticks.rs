//! Recurring jobs.

use std::{
    collections::HashSet,
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use tokio_util::sync::CancellationToken;
use worker::queue::{Job, Recurring, Tick, repeat};

use crate::support::{Worker, database, eventually};

#[derive(Default)]
struct EachSecond(Mutex<Vec<DateTime<Utc>>>);

#[async_trait]
impl Job for EachSecond {
    const KIND: &'static str = "each_second";
    type Payload = Tick;

    async fn run(&self, tick: Tick) -> anyhow::Result<()> {
        self.0.lock().unwrap().push(tick.at);
        Ok(())
    }
}

impl Recurring for EachSecond {
    const SCHEDULE: &'static str = "* * * * * *";
}

#[tokio::test]
async fn two_replicas_make_one_job_per_tick() {
    let database = database().await;
    let pool = &database.pool;
    let stop = CancellationToken::new();
    let job = Arc::new(EachSecond::default());
    let replicas: Vec<_> = (0..2)
        .map(|_| {
            let clock = tokio::spawn(repeat::<EachSecond>(pool.clone(), stop.clone()));
            (clock, Worker::start(pool, job.clone()))
        })
        .collect();

    eventually(async || (job.0.lock().unwrap().len() >= 3).then_some(())).await;
    stop.cancel();
    for (clock, _) in &replicas {
        eventually(async || clock.is_finished().then_some(())).await;
    }
    tokio::time::sleep(Duration::from_millis(500)).await;

    let ran = job.0.lock().unwrap().clone();
    let ticks: HashSet<_> = ran.iter().collect();
    assert_eq!(ticks.len(), ran.len(), "a tick ran twice: {ran:?}");
    let first = ran.iter().min().unwrap();
    let last = ran.iter().max().unwrap();
    assert_eq!(
        (*last - *first).num_seconds() + 1,
        ran.len() as i64,
        "a tick is missing: {ran:?}"
    );
    let jobs: i64 = sqlx::query_scalar("select count(*) from apalis.jobs")
        .fetch_one(pool)
        .await
        .unwrap();
    assert_eq!(jobs, ran.len() as i64);
    for (_, worker) in replicas {
        worker.stop().await;
    }
}
