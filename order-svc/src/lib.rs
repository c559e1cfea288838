//! order-svc: orders, and the decisions by which holds become theirs (CQRS and Clean Architecture).
//!
//! `domain` knows nothing but itself; `application` lists the use cases in [`application::App`] and names what they
//! need as ports; `infrastructure` implements the ports; `api` takes calls in. Commands change the write model;
//! queries look at the read models, which `infrastructure::projections` feed from events.

pub mod api;
pub mod application;
mod config;
pub mod domain;
pub mod infrastructure;

use std::sync::Arc;

use anyhow::Context as _;
use application::{App, Ports};
use chassis::{
    Service,
    amqp::Bus,
    audit,
    auth::{Auth, Guard},
    grpc::Peers,
    ops::Ops,
    postgres,
};
pub use config::Config;
use infrastructure::{
    consumers::{ConfirmOrders, WithholdPoints},
    inventory_svc::InventorySvc,
    postgres::{
        PgDecisions, PgFigureViews, PgHistoryViews, PgKeepingViews, PgLedgers, PgOrderViews,
        PgOrders,
    },
    projections::{self, ProjectOrders},
};
pub use infrastructure::{
    postgres::generate,
    projections::{Rebuilt, View},
};
use proto::topology;
use sqlx::PgPool;

/// The tables of this service.
pub static MIGRATOR: sqlx::migrate::Migrator = sqlx::migrate!();

/// Brings the database up to date.
///
/// # Errors
/// When a migration fails.
pub async fn migrate(config: &Config) -> anyhow::Result<()> {
    let pool = connect(config, 1).await?;
    postgres::migrate(&pool, &MIGRATOR).await
}

/// Builds a read model anew, while orders go on.
///
/// # Errors
/// When another rebuild is at work, or the database does not have the tables.
pub async fn rebuild(config: &Config, view: View) -> anyhow::Result<Rebuilt> {
    let pool = connect(config, projections::CONNECTIONS).await?;
    projections::rebuild(&pool, view).await
}

/// Starts the service; it runs until it is stopped.
///
/// # Errors
/// When the configuration does not work: an address in use, a database that refuses.
pub async fn start(config: Config) -> anyhow::Result<Service> {
    let service = Service::new("order-svc");
    let pool = connect(&config, config.database_pool).await?;
    postgres::migrate(&pool, &MIGRATOR).await?;
    let bus = Bus::new(&config.amqp, service.name());
    let peers = Peers::of(&service, &config.auth)?;
    let auth = Auth::following(&peers, &service, bus.clone());
    let (orders, writer) = PgOrders::new(pool.clone());
    // It ends with the last caller, so that whoever waits when the service stops gets an answer.
    service.background("orders", async move |_| writer.run().await);
    let app = Arc::new(app(&pool, &config, &peers, orders)?);

    service.relay(pool.clone(), bus.clone());
    service.consume(
        topology::ORDER_VIEWS,
        pool.clone(),
        bus.clone(),
        Arc::new(ProjectOrders),
    );
    service.consume(
        topology::ORDER_STOCK,
        pool.clone(),
        bus.clone(),
        Arc::new(ConfirmOrders),
    );
    service.consume(
        topology::ORDER_POINTS,
        pool.clone(),
        bus,
        Arc::new(WithholdPoints),
    );
    service
        .serve_grpc(
            config.grpc_addr,
            api::grpc::routes(app.clone())
                .add_service(Ops::server(pool))
                .add_service(audit::server(Arc::new(api::audit::Audits(app.clone())))),
            Guard::new(auth.clone()),
            peers.tls(),
        )
        .await?;
    let (router, openapi) = api::http::router(app, auth);
    service
        .serve_http(config.http_addr, router, openapi)
        .await?;
    Ok(service)
}

async fn connect(config: &Config, connections: u32) -> anyhow::Result<PgPool> {
    postgres::connect(&config.database_url, connections)
        .await
        .context("ORDER_DATABASE_URL")
}

/// The REST interface's document.
#[must_use]
pub fn openapi() -> utoipa::openapi::OpenApi {
    api::http::openapi()
}

fn app(pool: &PgPool, config: &Config, peers: &Peers, orders: PgOrders) -> anyhow::Result<App> {
    let inventory = peers
        .channel(&config.inventory_grpc_url)
        .context("INVENTORY_GRPC_URL")?;
    let inventory = Arc::new(InventorySvc::new(inventory));
    let ports = Ports {
        orders: Arc::new(orders),
        decisions: Arc::new(PgDecisions::new(pool.clone())),
        inventory: inventory.clone(),
        quotes: inventory,
        views: Arc::new(PgOrderViews::new(pool.clone())),
        histories: Arc::new(PgHistoryViews::new(pool.clone())),
        figures: Arc::new(PgFigureViews::new(pool.clone())),
        keepings: Arc::new(PgKeepingViews::new(pool.clone())),
        ledgers: Arc::new(PgLedgers::new(pool.clone())),
    };
    Ok(App::new(ports, config.hold_ttl()))
}
