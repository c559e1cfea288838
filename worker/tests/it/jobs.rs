//! Jobs over REST.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use anyhow::ensure;
use async_trait::async_trait;
use reqwest::Method;
use serde_json::{Value, json};
use sqlx::PgPool;
use worker::queue::{Job, JobState, Policy};

use crate::support::{OPERATOR, Rest, Worker, add, database, state, token, wait_for_state};

/// Fails until it is repaired.
#[derive(Default)]
struct Repairable(AtomicBool);

#[async_trait]
impl Job for Repairable {
    const KIND: &'static str = "repairable";
    const POLICY: Policy = Policy {
        max_attempts: 1,
        ..Policy::DEFAULT
    };
    type Payload = Value;

    async fn run(&self, _: Value) -> anyhow::Result<()> {
        ensure!(self.0.load(Ordering::SeqCst), "out of order");
        Ok(())
    }
}

fn ids(page: &Value) -> Vec<&str> {
    let items = page["items"].as_array().unwrap();
    items
        .iter()
        .map(|item| item["id"].as_str().unwrap())
        .collect()
}

async fn change(rest: &Rest, method: Method, path: &str, key: Option<&str>) -> reqwest::Response {
    let mut request = rest.request(method, path).bearer_auth(token(OPERATOR));
    if let Some(key) = key {
        request = request.header("idempotency-key", key);
    }
    request.send().await.unwrap()
}

async fn set(pool: &PgPool, id: &str, status: &str, attempts: i32) {
    sqlx::query("update apalis.jobs set status = $2, attempts = $3, max_attempts = 3, done_at = now() where id = $1")
        .bind(id)
        .bind(status)
        .bind(attempts)
        .execute(pool)
        .await
        .unwrap();
}

#[tokio::test]
async fn jobs_are_listed_by_state_newest_first_and_summarized() {
    let database = database().await;
    let pool = &database.pool;
    let mut made = Vec::new();
    for (n, (status, attempts)) in [
        ("Pending", 0),
        ("Queued", 0),
        ("Running", 0),
        ("Failed", 1),
        ("Pending", 1),
        ("Failed", 3),
        ("Killed", 1),
        ("Done", 1),
    ]
    .into_iter()
    .enumerate()
    {
        let id = add::<Repairable>(pool, &n.to_string(), json!({ "n": n })).await;
        set(pool, &id, status, attempts).await;
        made.push(id);
        // An id begins with the millisecond.
        tokio::time::sleep(std::time::Duration::from_millis(2)).await;
    }
    let rest = Rest::start(pool).await;

    for (state, expected) in [
        ("scheduled", vec![0]),
        ("running", vec![2, 1]),
        ("retrying", vec![4, 3]),
        ("failed", vec![6, 5]),
        ("succeeded", vec![7]),
    ] {
        let page = rest
            .get(&format!("/v1/jobs?state={state}&kind=repairable"))
            .await;
        let expected: Vec<&str> = expected
            .into_iter()
            .map(|n: usize| made[n].as_str())
            .collect();
        assert_eq!(ids(&page), expected, "{state}");
        assert!(
            page["items"]
                .as_array()
                .unwrap()
                .iter()
                .all(|job| job["state"] == state)
        );
    }
    let page = rest.get("/v1/jobs?limit=5").await;
    let rest_of_it = rest
        .get(&format!(
            "/v1/jobs?limit=5&after={}",
            page["next"].as_str().unwrap()
        ))
        .await;
    let listed: Vec<&str> = ids(&page).into_iter().chain(ids(&rest_of_it)).collect();
    assert_eq!(
        listed,
        made.iter().rev().map(String::as_str).collect::<Vec<_>>()
    );
    assert_eq!(
        ids(&rest.get("/v1/jobs?kind=other").await),
        Vec::<&str>::new()
    );

    let summary = rest.get("/v1/jobs/summary").await;
    let counts =
        json!({ "scheduled": 1, "running": 2, "retrying": 2, "succeeded": 1, "failed": 2 });
    assert_eq!(summary["states"], counts);
    assert_eq!(
        summary["kinds"],
        json!([{ "kind": "repairable", "states": counts }])
    );
    let recurring: Vec<&str> = summary["recurring"]
        .as_array()
        .unwrap()
        .iter()
        .map(|job| job["kind"].as_str().unwrap())
        .collect();
    assert_eq!(
        recurring,
        [
            "expire_points",
            "audit",
            "prune",
            "rotate_keys",
            "watch_sweeper"
        ]
    );
    assert!(summary["recurring"][0]["next_run_at"].is_string());
    rest.stop().await;
}

#[tokio::test]
async fn a_job_that_was_given_up_is_retried_by_an_operator() {
    let database = database().await;
    let pool = &database.pool;
    let job = Arc::new(Repairable::default());
    let id = add::<Repairable>(pool, "a", json!({ "order": 1 })).await;
    let worker = Worker::start(pool, job.clone());
    wait_for_state(pool, &id, JobState::Failed).await;
    let rest = Rest::start(pool).await;
    let path = format!("/v1/jobs/{id}");
    let failed = rest.get(&path).await;
    assert_eq!(failed["last_error"], "out of order");
    assert_eq!(failed["payload"], json!({ "order": 1 }));
    assert!(failed["finished_at"].is_string());

    job.0.store(true, Ordering::SeqCst);
    let retry = format!("{path}/retry");
    let first = change(&rest, Method::POST, &retry, Some("k1")).await;
    assert_eq!(first.status(), 200);
    let answer: Value = first.json().await.unwrap();
    assert_eq!(answer["state"], "scheduled");
    let again = change(&rest, Method::POST, &retry, Some("k1")).await;
    assert_eq!(again.headers()["idempotency-replayed"], "true");
    assert_eq!(again.json::<Value>().await.unwrap(), answer);
    wait_for_state(pool, &id, JobState::Succeeded).await;

    let done = rest.get(&path).await;
    let tries = done["tries"].as_array().unwrap();
    assert_eq!(tries.len(), 2);
    assert_eq!(
        (&tries[0]["error"], &tries[1]["error"]),
        (&json!("out of order"), &Value::Null)
    );
    let refused = change(&rest, Method::POST, &retry, None).await;
    assert_eq!(refused.status(), 409);
    let problem: Value = refused.json().await.unwrap();
    assert_eq!(problem["type"], "urn:problem-type:job-state");
    assert_eq!(
        problem["detail"],
        "a job that is succeeded cannot be retried"
    );
    worker.stop().await;
    rest.stop().await;
}

#[tokio::test]
async fn a_job_is_deleted_unless_it_runs() {
    let database = database().await;
    let pool = &database.pool;
    let idle = add::<Repairable>(pool, "idle", json!(1)).await;
    let busy = add::<Repairable>(pool, "busy", json!(2)).await;
    set(pool, &busy, "Running", 0).await;
    let rest = Rest::start(pool).await;

    assert_eq!(
        change(&rest, Method::DELETE, &format!("/v1/jobs/{idle}"), None)
            .await
            .status(),
        204
    );
    assert_eq!(
        change(&rest, Method::DELETE, &format!("/v1/jobs/{idle}"), None)
            .await
            .status(),
        404
    );
    assert_eq!(
        change(&rest, Method::DELETE, &format!("/v1/jobs/{busy}"), None)
            .await
            .status(),
        409
    );
    assert_eq!(
        change(&rest, Method::POST, &format!("/v1/jobs/{busy}/retry"), None)
            .await
            .status(),
        409
    );
    assert_eq!(state(pool, &busy).await, JobState::Running);
    rest.stop().await;
}
