//! What a service that owns a database offers to whoever runs it: `ops.v1`.

use std::time::Duration;

use proto::ops::v1::{
    GetOutboxRequest, GetOutboxResponse, PruneRequest, PruneResponse,
    ops_service_server::{OpsService, OpsServiceServer},
};
use sqlx::PgPool;
use tonic::{Request, Response, Status};

use crate::{Error, Result, amqp::relay};

/// Rows deleted by one statement: short transactions, short locks.
const CHUNK: i64 = 5_000;
/// As far as PostgreSQL is asked to look back.
const LONGEST: Duration = Duration::from_secs(100 * 365 * 24 * 3600);

/// See the module's documentation.
#[derive(Debug, Clone)]
pub struct Ops {
    pub pool: PgPool,
}

impl Ops {
    /// To add to a service's gRPC routes.
    #[must_use]
    pub fn server(pool: PgPool) -> OpsServiceServer<Self> {
        OpsServiceServer::new(Self { pool })
    }
}

#[tonic::async_trait]
impl OpsService for Ops {
    async fn prune(
        &self,
        request: Request<PruneRequest>,
    ) -> Result<Response<PruneResponse>, Status> {
        let request = request.into_inner();
        let pruned = prune(
            &self.pool,
            age(
                "outbox_older_than_seconds",
                request.outbox_older_than_seconds,
            )?,
            age("inbox_older_than_seconds", request.inbox_older_than_seconds)?,
        )
        .await?;
        Ok(Response::new(PruneResponse {
            outbox_deleted: pruned.outbox.cast_signed(),
            inbox_deleted: pruned.inbox.cast_signed(),
        }))
    }

    async fn get_outbox(
        &self,
        _: Request<GetOutboxRequest>,
    ) -> Result<Response<GetOutboxResponse>, Status> {
        let backlog = relay::backlog(&self.pool).await.map_err(Error::from)?;
        Ok(Response::new(GetOutboxResponse {
            unpublished: backlog.unpublished,
            oldest_unpublished_seconds: backlog.oldest_seconds,
        }))
    }
}

fn age(field: &str, seconds: i64) -> Result<Duration> {
    u64::try_from(seconds)
        .map(Duration::from_secs)
        .map_err(|_| Error::invalid_field(field, "must not be negative"))
}

/// Rows that [`prune`] deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pruned {
    pub outbox: u64,
    pub inbox: u64,
}

/// Deletes events published longer ago than `outbox_age`, and notes of events received longer ago than `inbox_age`. Events
/// not yet published stay, however old.
///
/// # Errors
/// When the database refuses; what was deleted until then stays deleted.
pub async fn prune(pool: &PgPool, outbox_age: Duration, inbox_age: Duration) -> Result<Pruned> {
    let outbox = in_chunks(
        pool,
        "delete from outbox where seq = any(array(
             select seq from outbox where published_at < now() - make_interval(secs => $1) limit $2))",
        outbox_age,
    );
    let outbox = outbox.await?;
    let inbox = in_chunks(
        pool,
        "delete from inbox where (consumer, event_id) in (
             select consumer, event_id from inbox where received_at < now() - make_interval(secs => $1) limit $2)",
        inbox_age,
    );
    Ok(Pruned {
        outbox,
        inbox: inbox.await?,
    })
}

async fn in_chunks(pool: &PgPool, delete: &'static str, age: Duration) -> Result<u64> {
    let mut deleted = 0;
    loop {
        let chunk = sqlx::query(delete)
            .bind(age.min(LONGEST).as_secs_f64())
            .bind(CHUNK)
            .execute(pool)
            .await?
            .rows_affected();
        deleted += chunk;
        if chunk < CHUNK.cast_unsigned() {
            return Ok(deleted);
        }
    }
}
