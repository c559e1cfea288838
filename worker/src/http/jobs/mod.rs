pub mod delete;
pub mod get;
pub mod list;
pub mod retry;
pub mod summary;

use chassis::{Code, Error, Result};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use sqlx::PgConnection;
use ulid::Ulid;
use utoipa::ToSchema;

use crate::queue::JobState;

/// A background job.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct Job {
    #[schema(example = "01JD8Z6T5V8Q4N7K9R3M2C1XWB")]
    pub id: String,
    #[schema(example = "order_confirmation_mail")]
    pub kind: String,
    pub state: JobState,
    /// What the job is about: of one kind, no two jobs have the same key.
    #[schema(example = "order-confirmation:0191f6c2-7f5e-7d3a-9c1e-2f4b8a6d0e11")]
    pub key: Option<String>,
    /// Tries that have ended.
    pub attempts: i32,
    /// Tries after which it is given up.
    pub max_attempts: i32,
    pub created_at: DateTime<Utc>,
    /// When it is or was due; after a failure, when it is tried again.
    pub run_at: DateTime<Utc>,
    /// When its last try began.
    pub started_at: Option<DateTime<Utc>>,
    /// When it succeeded or was given up.
    pub finished_at: Option<DateTime<Utc>>,
    /// Why the last try that failed did.
    pub last_error: Option<String>,
}

/// The columns of a [`Job`].
const SELECT: &str = "
    select id, job_type as kind, job_state(status, attempts, max_attempts) as state, idempotency_key as key,
           attempts, max_attempts, run_at, lock_at as started_at, done_at,
           (select error from job_attempts where job_id = jobs.id and error is not null order by id desc limit 1)
               as last_error
    from apalis.jobs ";

#[derive(sqlx::FromRow)]
struct JobRow {
    id: String,
    kind: String,
    state: JobState,
    key: Option<String>,
    attempts: i32,
    max_attempts: i32,
    run_at: DateTime<Utc>,
    started_at: Option<DateTime<Utc>>,
    done_at: Option<DateTime<Utc>>,
    last_error: Option<String>,
}

impl From<JobRow> for Job {
    fn from(row: JobRow) -> Self {
        let finished = matches!(row.state, JobState::Succeeded | JobState::Failed);
        Self {
            // The id begins with the time.
            created_at: row
                .id
                .parse()
                .map_or(row.run_at, |id: Ulid| id.datetime().into()),
            id: row.id,
            kind: row.kind,
            state: row.state,
            key: row.key,
            attempts: row.attempts,
            max_attempts: row.max_attempts,
            run_at: row.run_at,
            started_at: row.started_at,
            // apalis sets it after each try.
            finished_at: row.done_at.filter(|_| finished),
            last_error: row.last_error,
        }
    }
}

fn not_found() -> Error {
    Error::not_found("there is no such job")
}

/// Why a job could not be changed: there is none, or its state forbids it.
async fn refusal(conn: &mut PgConnection, id: &str, action: &str) -> Result<Error> {
    let state: Option<JobState> = sqlx::query_scalar(
        "select job_state(status, attempts, max_attempts) from apalis.jobs where id = $1",
    )
    .bind(id)
    .fetch_optional(conn)
    .await?;
    Ok(state.map_or_else(not_found, |state| {
        Error::new(
            Code::Conflict,
            "job-state",
            format!("a job that is {} cannot be {action}", state.as_str()),
        )
    }))
}
