use chassis::{Result, trace::TraceContext};
use sqlx::PgConnection;
use ulid::Ulid;

use super::Job;

/// A job to be done as soon as a worker is free.
#[derive(Debug)]
pub struct NewJob<P> {
    /// Of one kind, a second job with the same key is not enqueued. A key is free again once its job is deleted.
    pub key: String,
    pub payload: P,
    /// The trace that the job belongs to; by default that of the running task.
    pub traceparent: Option<String>,
}

impl<P> NewJob<P> {
    pub fn new(key: String, payload: P) -> Self {
        Self {
            key,
            payload,
            traceparent: TraceContext::current().map(|context| context.traceparent()),
        }
    }
}

/// Enqueues jobs in the caller's transaction, so that they exist if and only if it commits. Returns how many were new.
///
/// # Errors
/// When the database is away, or a payload cannot be written as JSON.
pub async fn enqueue<J: Job>(
    conn: &mut PgConnection,
    jobs: Vec<NewJob<J::Payload>>,
) -> Result<u64> {
    let mut ids = Vec::with_capacity(jobs.len());
    let mut payloads = Vec::with_capacity(jobs.len());
    let mut keys = Vec::with_capacity(jobs.len());
    let mut traceparents = Vec::with_capacity(jobs.len());
    for job in jobs {
        ids.push(Ulid::generate().to_string());
        payloads.push(serde_json::to_vec(&job.payload)?);
        keys.push(job.key);
        traceparents.push(job.traceparent);
    }
    // apalis' own `push_tasks` knows no `on conflict`: a key seen before would fail the whole transaction.
    let enqueued = sqlx::query(
        "insert into apalis.jobs
             (id, job_type, job, status, attempts, max_attempts, run_at, priority, metadata, idempotency_key)
         select id, $1, payload, 'Pending', 0, $2, now(), 0,
                case when traceparent is null then ''::hstore else hstore('traceparent', traceparent) end, key
         from unnest($3::text[], $4::bytea[], $5::text[], $6::text[]) as new (id, payload, key, traceparent)
         on conflict (job_type, idempotency_key) do nothing",
    )
    .bind(J::KIND)
    .bind(i32::try_from(J::POLICY.max_attempts).unwrap_or(i32::MAX))
    .bind(ids)
    .bind(payloads)
    .bind(keys)
    .bind(traceparents)
    .execute(conn)
    .await?
    .rows_affected();
    Ok(enqueued)
}
