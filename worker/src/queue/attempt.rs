use std::{any::Any, sync::Arc, time::Instant};

use anyhow::{anyhow, bail};
use apalis_core::{
    error::{AbortError, BoxDynError},
    task::Task,
};
use chassis::trace::{TRACEPARENT, TraceContext};
use serde_json::Value;
use sqlx::PgPool;
use tokio::{task::JoinSet, time::timeout};
use tracing::Instrument as _;

use super::{Job, Permanent, journal, permanent};
use crate::text::storable;

/// Tries jobs of one kind on behalf of one worker.
pub(super) struct Attempts<J> {
    pub pool: PgPool,
    pub job: Arc<J>,
    pub worker: Arc<str>,
}

// Derived, it would ask for `J: Clone`.
impl<J> Clone for Attempts<J> {
    fn clone(&self) -> Self {
        Self {
            pool: self.pool.clone(),
            job: Arc::clone(&self.job),
            worker: Arc::clone(&self.worker),
        }
    }
}

impl<J: Job> Attempts<J> {
    /// One try. What it returns tells apalis what to do with the job: done, try again, or give up.
    pub async fn attempt(self, task: Task<Value>) -> Result<(), BoxDynError> {
        let job_id = task
            .task_id()
            .ok_or("apalis hands over a job without an id")?
            .to_string();
        let number = u32::try_from(task.attempt())?;
        let last = u32::try_from(task.max_attempts().unwrap_or(1))?;
        let context = TraceContext::from_headers(task.metadata().get(TRACEPARENT), Some(&job_id));
        let span = tracing::info_span!(
            "job",
            job.kind = J::KIND,
            job.id = job_id,
            job.attempt = number
        );
        context
            .clone()
            .scope(
                async move {
                    let entry =
                        journal::start(&self.pool, &job_id, i32::try_from(number)?, &self.worker)
                            .await?;
                    let started = Instant::now();
                    let outcome = if number > last {
                        // Each of its tries took the process down, so none came to an end here.
                        Err(permanent(anyhow!("its worker died {last} times")))
                    } else {
                        self.perform(context, task.args).await
                    };
                    self.conclude(&job_id, entry, number, last, started, outcome)
                        .await
                }
                .instrument(span),
            )
            .await
    }

    /// Runs the job in a task of its own: a panic ends the task and not the worker, and a job that blocks its thread
    /// keeps nobody from noticing that its time is up. The task is aborted when the try is dropped.
    async fn perform(&self, context: TraceContext, payload: Value) -> anyhow::Result<()> {
        let payload = serde_json::from_value(payload).map_err(|error| {
            permanent(anyhow!(error).context("the payload is not of this kind"))
        })?;
        let job = Arc::clone(&self.job);
        let mut task = JoinSet::new();
        task.spawn(
            context
                .scope(async move { job.run(payload).await })
                .in_current_span(),
        );
        match timeout(J::POLICY.timeout, task.join_next()).await {
            Ok(Some(Ok(outcome))) => outcome,
            Ok(Some(Err(error))) => {
                let panic = error.try_into_panic()?;
                bail!("panicked: {}", message(panic.as_ref()))
            }
            Ok(None) => bail!("vanished"),
            Err(_) => bail!("not done after {:?}", J::POLICY.timeout),
        }
    }

    async fn conclude(
        &self,
        job_id: &str,
        entry: i64,
        number: u32,
        last: u32,
        started: Instant,
        outcome: anyhow::Result<()>,
    ) -> Result<(), BoxDynError> {
        metrics::histogram!("jobs_attempt_duration_seconds", "kind" => J::KIND)
            .record(started.elapsed());
        let Err(error) = outcome else {
            count::<J>("succeeded");
            tracing::debug!("job done");
            if let Err(error) = journal::finish(&self.pool, entry, None).await {
                tracing::warn!(%error, "the end of a try could not be recorded");
            }
            return Ok(());
        };
        // Without NUL: apalis stores it as JSON, and PostgreSQL would refuse that.
        let reason = storable(&format!("{error:#}"));
        journal::finish(&self.pool, entry, Some(&reason)).await?;
        if error.is::<Permanent>() {
            count::<J>("failed");
            // In the error store an error stands alone, without its span.
            tracing::error!(
                job.kind = J::KIND,
                job.id = job_id,
                error = reason,
                "job failed for good"
            );
            return Err(AbortError::new(reason).into());
        }
        if number < last {
            let pause = J::POLICY.pause_after(number);
            journal::postpone(&self.pool, job_id, &self.worker, pause).await?;
            count::<J>("retrying");
            tracing::warn!(error = reason, pause = ?pause, "job failed; it is tried again");
        } else {
            count::<J>("failed");
            tracing::error!(
                job.kind = J::KIND,
                job.id = job_id,
                error = reason,
                "job failed for the last time"
            );
        }
        Err(reason.into())
    }
}

fn count<J: Job>(outcome: &'static str) {
    metrics::counter!("jobs_attempts_total", "kind" => J::KIND, "outcome" => outcome).increment(1);
}

/// What a panic said.
fn message<'a>(panic: &'a (dyn Any + Send + 'static)) -> &'a str {
    panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("without a message")
}
