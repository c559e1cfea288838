use axum::extract::State;
use chassis::{Problem, Result, http::Path};
use http::StatusCode;
use sqlx::PgPool;
use ulid::Ulid;

use super::refusal;
use crate::http::policy::{NotOperator, Operator};

/// Delete a job that does not run just now, with the record of its tries. It will not be tried any more.
#[utoipa::path(
    delete,
    path = "/v1/jobs/{id}",
    tag = "jobs",
    security(("bearer" = [])),
    params(("id" = String, Path, description = "The job's id")),
    responses(
        (status = 204, description = "Deleted"),
        NotOperator,
        (status = 404, description = "No such job", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "`job-state`: it runs", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn delete_job(
    Operator { caller, .. }: Operator,
    State(pool): State<PgPool>,
    Path(id): Path<Ulid>,
) -> Result<StatusCode> {
    let id = id.to_string();
    let mut conn = pool.acquire().await?;
    let deleted = sqlx::query(
        "delete from apalis.jobs where id = $1 and job_state(status, attempts, max_attempts) <> 'running'",
    )
    .bind(&id)
    .execute(&mut *conn)
    .await?
    .rows_affected();
    if deleted == 0 {
        return Err(refusal(&mut conn, &id, "deleted").await?);
    }
    tracing::info!(job.id = id, caller.id = %caller.id, "job deleted by an operator");
    Ok(StatusCode::NO_CONTENT)
}
