use std::time::Duration;

use anyhow::{anyhow, bail};
use async_trait::async_trait;
use chassis::{
    grpc::{self, Channel},
    ops,
};
use proto::ops::v1::{PruneRequest, ops_service_client::OpsServiceClient};
use sqlx::{PgPool, postgres::types::PgInterval};

use crate::queue::{Job, Policy, Recurring, Tick};

const CALL_DEADLINE: Duration = Duration::from_secs(60);
/// A statement that deletes more holds its locks, and keeps the dead rows from being cleaned up, for too long.
const BATCH: i64 = 5_000;

/// Deletes what nobody needs any more, here and in every service's database.
pub struct Prune {
    pub pool: PgPool,
    pub services: Vec<(&'static str, OpsServiceClient<Channel>)>,
    pub keep: Keep,
}

/// How long things are kept.
#[derive(Debug, Clone, Copy)]
pub struct Keep {
    /// Published events.
    pub outbox: Duration,
    /// The ids of events received.
    pub inbox: Duration,
    /// Jobs that succeeded or failed for good.
    pub jobs: Duration,
    /// Logged errors.
    pub errors: Duration,
}

impl Recurring for Prune {
    const SCHEDULE: &'static str = "0 0 * * * *";
}

#[async_trait]
impl Job for Prune {
    const KIND: &'static str = "prune";
    const POLICY: Policy = Policy {
        max_attempts: 4,
        first_pause: Duration::from_secs(30),
        timeout: Duration::from_secs(600),
        ..Policy::DEFAULT
    };
    type Payload = Tick;

    async fn run(&self, _: Tick) -> anyhow::Result<()> {
        self.prune_here().await?;
        // One service that is away does not keep the others from being pruned.
        let mut failures = Vec::new();
        for (name, client) in &self.services {
            if let Err(error) = self.prune_there(name, client.clone()).await {
                failures.push(format!("{error:#}"));
            }
        }
        if failures.is_empty() {
            Ok(())
        } else {
            Err(anyhow!(failures.join("; ")))
        }
    }
}

impl Prune {
    async fn prune_there(
        &self,
        name: &str,
        mut client: OpsServiceClient<Channel>,
    ) -> anyhow::Result<()> {
        let request = PruneRequest {
            outbox_older_than_seconds: seconds(self.keep.outbox),
            inbox_older_than_seconds: seconds(self.keep.inbox),
        };
        match client.prune(grpc::request(request, CALL_DEADLINE)).await {
            Ok(response) => {
                let pruned = response.into_inner();
                tracing::info!(
                    service = name,
                    outbox = pruned.outbox_deleted,
                    inbox = pruned.inbox_deleted,
                    "pruned"
                );
                Ok(())
            }
            Err(status) => bail!("{name} answered {:?}", status.code()),
        }
    }

    async fn prune_here(&self) -> anyhow::Result<()> {
        let inbox = ops::prune(&self.pool, self.keep.outbox, self.keep.inbox)
            .await?
            .inbox;
        let jobs = self
            .delete(
                "delete from apalis.jobs where id in
                     (select id from apalis.jobs
                      where job_state(status, attempts, max_attempts) in ('succeeded', 'failed')
                            and done_at < now() - $1
                      limit $2)",
                self.keep.jobs,
            )
            .await?;
        // Each start leaves a row; one that a job still names must stay.
        let workers = self
            .delete(
                "delete from apalis.workers where id in
                     (select id from apalis.workers
                      where last_seen < now() - $1
                            and not exists (select from apalis.jobs where lock_by = workers.id)
                      limit $2)",
                self.keep.jobs,
            )
            .await?;
        let errors = self
            .delete(
                "delete from errors where id in
                     (select id from errors where occurred_at < now() - $1 limit $2)",
                self.keep.errors,
            )
            .await?;
        tracing::info!(service = "worker", inbox, jobs, workers, errors, "pruned");
        Ok(())
    }

    /// Runs a statement that deletes up to `$2` rows older than `$1` until it finds no more.
    async fn delete(&self, statement: &'static str, keep: Duration) -> sqlx::Result<u64> {
        let keep = PgInterval {
            months: 0,
            days: 0,
            microseconds: seconds(keep).saturating_mul(1_000_000),
        };
        let mut all = 0;
        loop {
            let deleted = sqlx::query(statement)
                .bind(keep)
                .bind(BATCH)
                .execute(&self.pool)
                .await?
                .rows_affected();
            all += deleted;
            if deleted < BATCH.unsigned_abs() {
                return Ok(all);
            }
        }
    }
}

fn seconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_secs()).unwrap_or(i64::MAX)
}
