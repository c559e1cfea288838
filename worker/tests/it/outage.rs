//! A database that goes away and comes back.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use chassis::{
    config::Secret,
    postgres,
    testing::{Line, TcpProxy},
};
use sqlx::{ConnectOptions as _, postgres::PgConnectOptions};
use worker::queue::{Job, JobState};

use crate::support::{Worker, add, database, eventually, wait_for_state};

struct Nothing;

#[async_trait]
impl Job for Nothing {
    const KIND: &'static str = "nothing";
    type Payload = ();

    async fn run(&self, (): ()) -> anyhow::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn a_worker_says_that_it_is_down_and_comes_back_with_its_database() {
    let database = database().await;
    let options: PgConnectOptions = database.url.expose().parse().unwrap();
    let proxy = TcpProxy::start(&format!("{}:{}", options.get_host(), options.get_port())).await;
    let through = options.host("127.0.0.1").port(proxy.addr().port());
    let url = Secret::from(through.to_url_lossy().to_string());
    let pool = postgres::connect(&url, 4).await.unwrap();
    let worker = Worker::start(&pool, Arc::new(Nothing));
    eventually(async || worker.alive.holds().then_some(())).await;

    proxy.set(Line::Cut);
    eventually(async || (!worker.alive.holds()).then_some(())).await;
    let id = add::<Nothing>(&database.pool, "a", ()).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    proxy.set(Line::Up);

    wait_for_state(&database.pool, &id, JobState::Succeeded).await;
    assert!(worker.alive.holds());
    worker.stop().await;
}

#[tokio::test]
async fn a_database_that_says_nothing_any_more_is_noticed() {
    let database = database().await;
    let options: PgConnectOptions = database.url.expose().parse().unwrap();
    let proxy = TcpProxy::start(&format!("{}:{}", options.get_host(), options.get_port())).await;
    let through = options.host("127.0.0.1").port(proxy.addr().port());
    let url = Secret::from(through.to_url_lossy().to_string());
    let pool = postgres::connect(&url, 4).await.unwrap();
    let worker = Worker::start(&pool, Arc::new(Nothing));
    eventually(async || worker.alive.holds().then_some(())).await;

    // No connection breaks, no answer comes.
    proxy.set(Line::RepliesLost);
    eventually(async || (!worker.alive.holds()).then_some(())).await;
    proxy.set(Line::Cut);
    let id = add::<Nothing>(&database.pool, "a", ()).await;
    proxy.set(Line::Up);

    wait_for_state(&database.pool, &id, JobState::Succeeded).await;
    worker.stop().await;
}
