//! The worker: background jobs, mails, the store of errors, and the operators' console.

mod config;
mod console;
pub mod events;
mod http;
pub mod jobs;
pub mod mail;
mod money;
pub mod queue;
mod text;

use std::sync::Arc;

use anyhow::Context as _;
use apalis_postgres::PostgresStorage;
use chassis::{Service, amqp::Bus, auth::Auth, grpc::Peers, postgres};
use proto::topology::{WORKER_ACCOUNT_MAILS, WORKER_ERRORS, WORKER_ORDER_MAILS};
use sqlx::{PgPool, migrate::Migrator};

pub use crate::{
    config::{Config, PublicUrl},
    http::{openapi, router},
};

const NAME: &str = "worker";

/// The worker's own tables. They refer to those of apalis, so [`migrate_pool`] makes those first.
static MIGRATIONS: Migrator = sqlx::migrate!();

/// Brings the database up to date.
///
/// # Errors
/// When it cannot be reached or a migration fails.
pub async fn migrate(config: &Config) -> anyhow::Result<()> {
    migrate_pool(&connect(config, 1).await?).await
}

async fn connect(config: &Config, connections: u32) -> anyhow::Result<PgPool> {
    postgres::connect(&config.database_url, connections)
        .await
        .context("WORKER_DATABASE_URL")
}

/// Brings the database of this pool up to date.
///
/// # Errors
/// When a migration fails.
pub async fn migrate_pool(pool: &PgPool) -> anyhow::Result<()> {
    // apalis keeps its record of migrations in its own schema.
    PostgresStorage::setup(pool)
        .await
        .context("migrating the tables of apalis")?;
    postgres::migrate(pool, &MIGRATIONS).await
}

/// Starts the worker: brings the database up to date, takes events, works on jobs, serves.
///
/// # Errors
/// When the configuration is not acceptable, the database cannot be used or the address cannot be listened at.
pub async fn start(config: Config) -> anyhow::Result<Service> {
    let pool = connect(&config, config.database_pool).await?;
    migrate_pool(&pool).await?;

    let service = Service::new(NAME);
    let bus = Bus::new(&config.amqp, NAME);
    let peers = Peers::of(&service, &config.auth)?;
    let auth = Auth::following(&peers, &service, bus.clone());
    let (router, openapi) = router(pool.clone(), auth);
    service.watch(pool.clone(), bus.clone());
    service.consume(
        WORKER_ORDER_MAILS,
        pool.clone(),
        bus.clone(),
        Arc::new(events::EnqueueOrderMails),
    );
    service.consume(
        WORKER_ACCOUNT_MAILS,
        pool.clone(),
        bus.clone(),
        Arc::new(events::EnqueueAccountMails),
    );
    service.consume(
        WORKER_ERRORS,
        pool.clone(),
        bus,
        Arc::new(events::StoreErrors),
    );
    jobs::start(&service, &config, &peers, &pool)?;
    service
        .serve_http(config.http_addr, router, openapi)
        .await?;
    Ok(service)
}
