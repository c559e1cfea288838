//! identity-svc: people, how they sign in, their roles, and what those permit.

mod api;
mod config;
mod domain;
mod refusal;
mod repository;
mod rotate_keys;
mod service;

use std::sync::Arc;

use anyhow::Context as _;
use chassis::{
    Service,
    amqp::Bus,
    auth::{Auth, Guard},
    config::Secret,
    ops::Ops,
    postgres,
    tls::Tls,
};
use sqlx::{PgPool, migrate::Migrator};
use tonic::service::Routes;
use utoipa::openapi::OpenApi;

pub use crate::{
    api::http::openapi,
    config::Config,
    domain::{BUILT_IN as BUILT_IN_ROLES, Permission},
    rotate_keys::{RotateKeys, rotate_keys},
    service::RateLimits,
};
use crate::{
    domain::OurService,
    repository::Repository,
    service::{Identity, KeyKeeper, Passwords},
};

const NAME: &str = "identity-svc";

/// The service's own tables.
pub static MIGRATIONS: Migrator = sqlx::migrate!();

/// Brings the database up to date.
///
/// # Errors
/// When it cannot be reached or a migration fails.
pub async fn migrate(config: &Config) -> anyhow::Result<()> {
    let pool = connect(config, 1).await?;
    postgres::migrate(&pool, &MIGRATIONS).await
}

/// Starts the service: brings the database up to date, opens the doors, publishes the outbox.
///
/// # Errors
/// When the configuration is not acceptable, the database cannot be used or an address cannot be listened at.
pub async fn start(config: Config) -> anyhow::Result<Service> {
    config.administrator()?;
    let pool = connect(&config, config.database_pool).await?;
    postgres::migrate(&pool, &MIGRATIONS).await?;
    let doors = open(pool.clone(), &config).await?;

    let service = Service::new(NAME);
    service.background("signing-keys", |stop| doors.keys.run(stop));
    service.relay(pool.clone(), Bus::new(&config.amqp, NAME));
    let grpc = doors.grpc.add_service(Ops::server(pool));
    let tls = Tls::following(&config.tls, &service)?;
    service
        .serve_grpc(config.grpc_addr, grpc, doors.guard, tls)
        .await?;
    service
        .serve_http(config.http_addr, doors.http, doors.openapi)
        .await?;
    Ok(service)
}

/// What a service of this name proves itself with.
///
/// # Errors
/// When there is no such service, or the system's secret cannot be had.
pub fn service_secret(config: &Config, name: &str) -> anyhow::Result<Secret> {
    let service = OurService::of_name(name).with_context(|| {
        let names = OurService::ALL.map(OurService::name).join(", ");
        format!("there is no service `{name}`; there are: {names}")
    })?;
    Ok(config.secrets.load()?.of(service.name()))
}

async fn connect(config: &Config, connections: u32) -> anyhow::Result<PgPool> {
    postgres::connect(&config.database_url, connections)
        .await
        .context("IDENTITY_DATABASE_URL")
}

/// What the service answers.
pub struct Doors {
    pub http: axum::Router,
    pub openapi: OpenApi,
    pub grpc: Routes,
    pub guard: Guard,
    /// To be run in the background.
    pub keys: KeyKeeper,
}

/// The service over a database that is up to date. At the first start it makes the keys and the administrator.
///
/// # Errors
/// When the configuration is not acceptable or the database cannot be used.
pub async fn open(pool: PgPool, config: &Config) -> anyhow::Result<Doors> {
    let administrator = config.administrator()?;
    let passwords = Passwords::new(usize::from(config.hash_concurrency))?;
    let repository = Repository::new(pool);
    let system_secret = config.secrets.load()?;
    let identity = Identity::open(
        repository,
        passwords,
        config.key_times(),
        system_secret,
        config.rate_limits,
    )
    .await?;
    let identity = Arc::new(identity);
    if let Some((email, password)) = administrator {
        identity.ensure_administrator(email, password).await?;
    }
    // Its own keys and permissions need no call.
    let auth = Auth::new(identity.clone(), identity.clone(), identity.clone());
    let guard = Guard::new(auth.clone()).with_open(api::trust_grpc::OPEN);
    let (http, openapi) = api::http::router(identity.clone(), auth, config.trusted_proxies.clone());
    let grpc = api::grpc::routes(identity.clone());
    Ok(Doors {
        http,
        openapi,
        grpc,
        guard,
        keys: KeyKeeper(identity),
    })
}
