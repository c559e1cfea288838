//! inventory-svc: products, stock, and the holds by which orders take them (CQRS and Clean Architecture).
//!
//! `domain` knows nothing but itself; `application` lists the use cases in [`application::App`] and names what they
//! need as ports; `infrastructure` implements the ports; `api` takes calls in.

pub mod api;
pub mod application;
mod config;
pub mod domain;
pub mod infrastructure;
mod loyalty_config;
mod sweeper;

use std::sync::Arc;

use anyhow::Context as _;
use application::{App, Ports, ports::Holds};
use chassis::{
    Service,
    amqp::Bus,
    audit,
    auth::{Auth, Guard},
    grpc::Peers,
    ops::Ops,
    postgres,
};
pub use config::{Config, Reservations};
pub use infrastructure::postgres::generate;
use infrastructure::{
    consumers::FollowOrders,
    order_keepings::OrderKeepings,
    order_svc::OrderSvc,
    postgres::{
        BatchedHolds, PgCatalogue, PgCatalogueViews, PgDiscountCodeViews, PgDiscountCodes, PgHolds,
        PgLedgers, PgLoyaltyBook, PgLoyaltyViews, PgQuoteViews, PgStockBook,
    },
};
pub use loyalty_config::LoyaltyConfig;
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

/// Starts the service; it runs until it is stopped.
///
/// # Errors
/// When the configuration does not work: an address in use, a database that refuses.
pub async fn start(config: Config) -> anyhow::Result<Service> {
    let service = Service::new("inventory-svc");
    let pool = connect(&config, config.database_pool).await?;
    postgres::migrate(&pool, &MIGRATOR).await?;
    let bus = Bus::new(&config.amqp, service.name());
    let peers = Peers::of(&service, &config.auth)?;
    let auth = Auth::following(&peers, &service, bus.clone());
    let policy = config.loyalty.policy();
    let holds: Arc<dyn Holds> = match config.reservations {
        Reservations::Plain => Arc::new(PgHolds::new(pool.clone(), policy)),
        Reservations::Batched => {
            let (holds, writer) = BatchedHolds::new(pool.clone(), policy);
            // It ends with the last caller, so that whoever waits when the service stops gets an answer.
            service.background("reservations", async move |_| writer.run().await);
            Arc::new(holds)
        }
    };
    let app = Arc::new(app(&pool, &config, &peers, holds)?);

    service.relay(pool.clone(), bus.clone());
    service.consume(
        topology::INVENTORY_ORDERS,
        pool.clone(),
        bus,
        Arc::new(FollowOrders::new(policy)),
    );
    let sweeping = app.clone();
    service.background("sweeper", async move |stop| {
        sweeper::run(sweeping, stop).await
    });
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
        .context("INVENTORY_DATABASE_URL")
}

/// The REST interface's document.
#[must_use]
pub fn openapi() -> utoipa::openapi::OpenApi {
    api::http::openapi()
}

fn app(
    pool: &PgPool,
    config: &Config,
    peers: &Peers,
    holds: Arc<dyn Holds>,
) -> anyhow::Result<App> {
    let order_svc = peers
        .channel(&config.order_grpc_url)
        .context("ORDER_GRPC_URL")?;
    let ports = Ports {
        catalogue: Arc::new(PgCatalogue::new(pool.clone())),
        stock: Arc::new(PgStockBook::new(pool.clone())),
        holds,
        decisions: Arc::new(OrderSvc::new(order_svc.clone())),
        views: Arc::new(PgCatalogueViews::new(pool.clone())),
        quotes: Arc::new(PgQuoteViews::new(pool.clone(), config.loyalty.policy())),
        discount_codes: Arc::new(PgDiscountCodes::new(pool.clone())),
        discount_code_views: Arc::new(PgDiscountCodeViews::new(pool.clone())),
        loyalty: Arc::new(PgLoyaltyBook::new(
            pool.clone(),
            config.loyalty.policy().life,
        )),
        loyalty_views: Arc::new(PgLoyaltyViews::new(pool.clone())),
        ledgers: Arc::new(PgLedgers::new(pool.clone(), config.loyalty.policy())),
        keepings: Arc::new(OrderKeepings::new(order_svc)),
    };
    Ok(App::new(ports, config.max_hold_ttl()))
}
