//! The record of each try.

use std::time::Duration;

use sqlx::{PgPool, postgres::types::PgInterval};

/// Notes that a try begins. A try before it that has no end died with its worker.
pub(super) async fn start(
    pool: &PgPool,
    job_id: &str,
    attempt: i32,
    worker: &str,
) -> sqlx::Result<i64> {
    sqlx::query_scalar(
        "with lost as (
             update job_attempts set finished_at = now(), error = 'the worker died or lost its database'
             where job_id = $1 and finished_at is null
         )
         insert into job_attempts (job_id, attempt, worker) values ($1, $2, $3) returning id",
    )
    .bind(job_id)
    .bind(attempt)
    .bind(worker)
    .fetch_one(pool)
    .await
}

/// Notes how a try ended.
pub(super) async fn finish(pool: &PgPool, attempt: i64, error: Option<&str>) -> sqlx::Result<()> {
    sqlx::query("update job_attempts set finished_at = now(), error = $2 where id = $1")
        .bind(attempt)
        .bind(error)
        .execute(pool)
        .await?;
    Ok(())
}

/// Lets a job rest before its next try. apalis itself would try again at once.
pub(super) async fn postpone(
    pool: &PgPool,
    job_id: &str,
    worker: &str,
    pause: Duration,
) -> sqlx::Result<()> {
    sqlx::query("update apalis.jobs set run_at = now() + $3 where id = $1 and lock_by = $2")
        .bind(job_id)
        .bind(worker)
        .bind(PgInterval {
            months: 0,
            days: 0,
            microseconds: i64::try_from(pause.as_micros()).unwrap_or(i64::MAX),
        })
        .execute(pool)
        .await?;
    Ok(())
}
