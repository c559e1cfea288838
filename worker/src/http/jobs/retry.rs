use axum::{Json, extract::State};
use chassis::{
    Problem, Result,
    http::Path,
    idempotency::{Answer, IdempotencyKey, Once},
};
use sqlx::{PgConnection, PgPool, QueryBuilder};
use ulid::Ulid;

use super::{Job, JobRow, SELECT, refusal};
use crate::http::policy::{NotOperator, Operator};

/// Retry a job: one that was given up gets all its tries again, one that waits for its next try does not wait any longer.
#[utoipa::path(
    post,
    path = "/v1/jobs/{id}/retry",
    tag = "jobs",
    security(("bearer" = [])),
    params(
        ("id" = String, Path, description = "The job's id"),
        ("Idempotency-Key" = Option<String>, Header, description = "With it, a repeated request takes effect once"),
    ),
    responses(
        (status = 200, description = "The job, due now", body = Job),
        NotOperator,
        (status = 404, description = "No such job", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "`job-state`: it runs, succeeded, or was not tried yet", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn retry_job(
    Operator { caller, .. }: Operator,
    State(pool): State<PgPool>,
    Path(id): Path<Ulid>,
    key: Option<IdempotencyKey>,
) -> Result<Answer<Json<Job>>> {
    let id = id.to_string();
    let once = key
        .map(|key| Once::new(caller.id, key, "retry-job", &id))
        .transpose()?;
    let mut tx = pool.begin().await?;
    if let Some(once) = &once
        && let Some(job) = once.claim(&mut tx).await?
    {
        return Ok(Answer::again(Json(job)));
    }
    let job = retry(&mut tx, &id).await?;
    if let Some(once) = &once {
        once.keep(&mut tx, &job).await?;
    }
    tx.commit().await?;
    tracing::info!(job.id = id, caller.id = %caller.id, "job retried by an operator");
    Ok(Answer::first(Json(job)))
}

async fn retry(conn: &mut PgConnection, id: &str) -> Result<Job> {
    // Not while it runs: it would run twice at once.
    let retried = sqlx::query(
        "update apalis.jobs
         set status = 'Pending', attempts = 0, run_at = now(),
             lock_by = null, lock_at = null, done_at = null, last_result = null
         where id = $1 and job_state(status, attempts, max_attempts) in ('retrying', 'failed')",
    )
    .bind(id)
    .execute(&mut *conn)
    .await?
    .rows_affected();
    if retried == 0 {
        return Err(refusal(conn, id, "retried").await?);
    }
    let mut query = QueryBuilder::new(SELECT);
    query.push("where id = ").push_bind(id);
    let row: JobRow = query.build_query_as().fetch_one(conn).await?;
    Ok(row.into())
}
