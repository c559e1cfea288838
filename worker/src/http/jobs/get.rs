use axum::{Json, extract::State};
use chassis::{Problem, Result, http::Path};
use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::Value;
use sqlx::{PgPool, QueryBuilder};
use ulid::Ulid;
use utoipa::ToSchema;

use super::{Job, JobRow, SELECT, not_found};
use crate::http::policy::{NotOperator, Operator};

/// A job with all that is known of it.
#[derive(Debug, Serialize, ToSchema)]
pub struct JobDetail {
    #[serde(flatten)]
    job: Job,
    /// What the job was told; its shape depends on the kind.
    payload: Value,
    /// Every try, the first one first.
    tries: Vec<Try>,
}

/// One try of a job.
#[derive(Debug, Serialize, ToSchema, sqlx::FromRow)]
pub struct Try {
    /// From 1, and again from 1 after an operator's retry.
    attempt: i32,
    worker: String,
    started_at: DateTime<Utc>,
    /// Null while it runs.
    finished_at: Option<DateTime<Utc>>,
    /// The whole chain of causes; null if it succeeded or still runs.
    error: Option<String>,
}

/// Get a job, its payload and its tries.
#[utoipa::path(
    get,
    path = "/v1/jobs/{id}",
    tag = "jobs",
    security(("bearer" = [])),
    params(("id" = String, Path, description = "The job's id")),
    responses(
        (status = 200, description = "The job", body = JobDetail),
        NotOperator,
        (status = 404, description = "No such job", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn get_job(
    _: Operator,
    State(pool): State<PgPool>,
    Path(id): Path<Ulid>,
) -> Result<Json<JobDetail>> {
    let id = id.to_string();
    let mut query = QueryBuilder::new(SELECT);
    query.push("where id = ").push_bind(&id);
    let job: JobRow = query
        .build_query_as()
        .fetch_optional(&pool)
        .await?
        .ok_or_else(not_found)?;
    let payload: Vec<u8> = sqlx::query_scalar("select job from apalis.jobs where id = $1")
        .bind(&id)
        .fetch_optional(&pool)
        .await?
        .ok_or_else(not_found)?;
    let tries = sqlx::query_as(
        "select attempt, worker, started_at, finished_at, error from job_attempts where job_id = $1 order by id",
    )
    .bind(&id)
    .fetch_all(&pool)
    .await?;
    Ok(Json(JobDetail {
        job: job.into(),
        payload: serde_json::from_slice(&payload)?,
        tries,
    }))
}
