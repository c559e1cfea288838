use axum::{Json, extract::State};
use chassis::Result;
use chrono::{DateTime, Utc};
use serde::Serialize;
use sqlx::PgPool;
use utoipa::ToSchema;

use crate::{
    http::policy::{NotOperator, Operator},
    jobs::RECURRING,
    queue::{JobState, next_tick},
};

/// All jobs at a glance.
#[derive(Debug, Serialize, ToSchema)]
pub struct Summary {
    states: Counts,
    kinds: Vec<Kind>,
    recurring: Vec<Recurring>,
}

/// How many jobs are in each state.
#[derive(Debug, Default, Serialize, ToSchema)]
pub struct Counts {
    scheduled: i64,
    running: i64,
    retrying: i64,
    succeeded: i64,
    failed: i64,
}

impl Counts {
    fn add(&mut self, state: JobState, jobs: i64) {
        *match state {
            JobState::Scheduled => &mut self.scheduled,
            JobState::Running => &mut self.running,
            JobState::Retrying => &mut self.retrying,
            JobState::Succeeded => &mut self.succeeded,
            JobState::Failed => &mut self.failed,
        } += jobs;
    }
}

/// The jobs of one kind.
#[derive(Debug, Serialize, ToSchema)]
pub struct Kind {
    kind: String,
    states: Counts,
}

/// A job that the clock enqueues.
#[derive(Debug, Serialize, ToSchema)]
pub struct Recurring {
    kind: &'static str,
    /// Second, minute, hour, day of month, month, day of week; in UTC.
    #[schema(example = "0 0 * * * *")]
    schedule: &'static str,
    next_run_at: Option<DateTime<Utc>>,
    last: Option<LastRun>,
}

/// The last job that a schedule made.
#[derive(Debug, Clone, Serialize, ToSchema, sqlx::FromRow)]
pub struct LastRun {
    id: String,
    #[serde(skip)]
    kind: String,
    state: JobState,
    run_at: DateTime<Utc>,
}

/// Summarize the jobs: how many are in which state, and what recurs when.
#[utoipa::path(
    get,
    path = "/v1/jobs/summary",
    tag = "jobs",
    security(("bearer" = [])),
    responses(
        (status = 200, description = "The summary", body = Summary),
        NotOperator,
    )
)]
pub async fn summarize_jobs(_: Operator, State(pool): State<PgPool>) -> Result<Json<Summary>> {
    let mut states = Counts::default();
    let mut kinds: Vec<Kind> = Vec::new();
    for (kind, state, jobs) in count(&pool).await? {
        states.add(state, jobs);
        if kinds.last().is_none_or(|last| last.kind != kind) {
            kinds.push(Kind {
                kind,
                states: Counts::default(),
            });
        }
        if let Some(last) = kinds.last_mut() {
            last.states.add(state, jobs);
        }
    }
    let last = last_runs(&pool).await?;
    let now = Utc::now();
    let recurring = RECURRING
        .iter()
        .map(|&(kind, schedule)| Recurring {
            kind,
            schedule,
            next_run_at: next_tick(schedule, now),
            last: last.iter().find(|run| run.kind == kind).cloned(),
        })
        .collect();
    Ok(Json(Summary {
        states,
        kinds,
        recurring,
    }))
}

/// Sorted by kind.
async fn count(pool: &PgPool) -> sqlx::Result<Vec<(String, JobState, i64)>> {
    sqlx::query_as(
        "select job_type, job_state(status, attempts, max_attempts), count(*)
         from apalis.jobs group by 1, 2 order by 1",
    )
    .fetch_all(pool)
    .await
}

async fn last_runs(pool: &PgPool) -> sqlx::Result<Vec<LastRun>> {
    let kinds: Vec<&str> = RECURRING.iter().map(|&(kind, _)| kind).collect();
    // A recurring job's key ends with its tick, so the last key is the last tick's.
    sqlx::query_as(
        "select last.* from unnest($1::text[]) as kind
         cross join lateral (
             select id, job_type as kind, job_state(status, attempts, max_attempts) as state, run_at
             from apalis.jobs where job_type = kind order by idempotency_key desc limit 1
         ) as last",
    )
    .bind(kinds)
    .fetch_all(pool)
    .await
}
