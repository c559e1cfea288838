//! What is old goes, what is young or still needed stays.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use chassis::grpc::Channel;
use chrono::Utc;
use proto::ops::v1::{
    GetOutboxRequest, GetOutboxResponse, PruneRequest, PruneResponse,
    ops_service_client::OpsServiceClient,
    ops_service_server::{OpsService, OpsServiceServer},
};
use serde_json::json;
use sqlx::PgPool;
use tonic::{Request, Response, Status, service::Routes};
use worker::{
    jobs::{Keep, Prune},
    queue::{Job, Tick},
};

use crate::support::{add, database, serve_grpc};

const DAY: Duration = Duration::from_secs(86_400);
const KEEP: Keep = Keep {
    outbox: DAY,
    inbox: Duration::from_secs(7 * 86_400),
    jobs: Duration::from_secs(7 * 86_400),
    errors: Duration::from_secs(30 * 86_400),
};

struct Sample;

#[async_trait::async_trait]
impl Job for Sample {
    const KIND: &'static str = "sample";
    type Payload = serde_json::Value;

    async fn run(&self, _: serde_json::Value) -> anyhow::Result<()> {
        Ok(())
    }
}

async fn keys(pool: &PgPool, query: &'static str) -> Vec<String> {
    sqlx::query_scalar(query).fetch_all(pool).await.unwrap()
}

#[tokio::test]
async fn old_jobs_workers_errors_and_inbox_rows_are_deleted() {
    let database = database().await;
    let pool = &database.pool;
    for (key, status, attempts, age) in [
        ("old and done", "Done", 1, 8),
        ("old and given up", "Failed", 8, 8),
        ("old and killed", "Killed", 1, 8),
        ("old and to be tried again", "Failed", 1, 8),
        ("old and waiting", "Pending", 0, 8),
        ("young and done", "Done", 1, 6),
    ] {
        let id = add::<Sample>(pool, key, json!({})).await;
        sqlx::query(
            "with worker as (
                 insert into apalis.workers (id, worker_type, storage_name, last_seen)
                 values ($1, 'sample', '', now() - make_interval(days => $5)) returning id
             ), attempt as (
                 insert into job_attempts (job_id, attempt, worker) values ($2, 1, $1)
             )
             update apalis.jobs set status = $3, attempts = $4, lock_by = worker.id,
                 done_at = case when $3 = 'Pending' then null else now() - make_interval(days => $5) end
             from worker where jobs.id = $2",
        )
        .bind(format!("worker of {key}"))
        .bind(&id)
        .bind(status)
        .bind(attempts)
        .bind(age)
        .execute(pool)
        .await
        .unwrap();
    }
    for (name, age) in [("old", 31), ("young", 29)] {
        sqlx::query(
            "insert into errors (id, service, version, target, message, fields, occurred_at)
             values (gen_random_uuid(), 'a', 'b', 'c', $1, '{}', now() - make_interval(days => $2))",
        )
        .bind(name)
        .bind(age)
        .execute(pool)
        .await
        .unwrap();
    }
    for (consumer, age) in [("old", 8), ("young", 6)] {
        sqlx::query(
            "insert into inbox (consumer, event_id, received_at)
             values ($1, gen_random_uuid(), now() - make_interval(days => $2))",
        )
        .bind(consumer)
        .bind(age)
        .execute(pool)
        .await
        .unwrap();
    }

    let prune = Prune {
        pool: pool.clone(),
        services: Vec::new(),
        keep: KEEP,
    };
    prune.run(Tick { at: Utc::now() }).await.unwrap();

    let left = [
        "old and to be tried again",
        "old and waiting",
        "young and done",
    ];
    assert_eq!(
        keys(pool, "select idempotency_key from apalis.jobs order by 1").await,
        left
    );
    assert_eq!(
        keys(pool, "select id from apalis.workers order by 1").await,
        left.map(|key| format!("worker of {key}"))
    );
    let attempts =
        "select idempotency_key from job_attempts join apalis.jobs on jobs.id = job_id order by 1";
    assert_eq!(keys(pool, attempts).await, left);
    assert_eq!(keys(pool, "select message from errors").await, ["young"]);
    assert_eq!(keys(pool, "select consumer from inbox").await, ["young"]);
}

#[derive(Clone, Default)]
struct Ops(Arc<Mutex<Vec<PruneRequest>>>);

#[tonic::async_trait]
impl OpsService for Ops {
    async fn prune(
        &self,
        request: Request<PruneRequest>,
    ) -> Result<Response<PruneResponse>, Status> {
        self.0.lock().unwrap().push(request.into_inner());
        Ok(Response::new(PruneResponse::default()))
    }

    async fn get_outbox(
        &self,
        _: Request<GetOutboxRequest>,
    ) -> Result<Response<GetOutboxResponse>, Status> {
        Err(Status::unimplemented("not asked for"))
    }
}

#[tokio::test]
async fn every_service_is_pruned_even_if_another_is_away() {
    let database = database().await;
    let ops = Ops::default();
    let url = serve_grpc(Routes::new(OpsServiceServer::new(ops.clone()))).await;
    let nowhere = format!("http://{}", chassis::testing::free_addr());
    let client = |url: &str| OpsServiceClient::new(Channel::without_token(url).unwrap());
    let prune = Prune {
        pool: database.pool.clone(),
        services: vec![
            ("order-svc", client(&nowhere)),
            ("identity-svc", client(&url)),
        ],
        keep: KEEP,
    };

    let error = prune.run(Tick { at: Utc::now() }).await.unwrap_err();

    assert_eq!(error.to_string(), "order-svc answered Unavailable");
    let asked = ops.0.lock().unwrap().clone();
    assert_eq!(asked.len(), 1);
    assert_eq!(asked[0].outbox_older_than_seconds, 86_400);
    assert_eq!(asked[0].inbox_older_than_seconds, 7 * 86_400);
}
