//! The only door of the system: routes from a file, authentication, rate limits, a streaming reverse proxy that balances,
//! retries and sheds, and one OpenAPI document of everything behind it.

#![cfg_attr(
    test,
    allow(clippy::unwrap_used, reason = "a test that cannot go on fails")
)]

mod access_log;
mod aggregation;
mod api_keys;
mod asyncapi;
mod body;
mod cache;
mod client;
mod config;
mod current;
mod feed;
mod gate;
mod headers;
mod health;
mod limits;
mod manners;
mod openapi;
mod proxy;
pub mod routing;
mod upstream;
mod valve;

use std::sync::Arc;

use chassis::{HttpRoutes, Service, amqp::Bus, auth::Auth, grpc::Peers};

pub use asyncapi::document as asyncapi;
pub use config::{Config, Origin, Origins, RateLimits};
pub use openapi::{merged as merged_openapi, own as openapi};

/// Nothing to bring up to date: the gateway keeps nothing.
///
/// # Errors
/// Never; the signature is that of every service.
pub async fn migrate(_: &Config) -> anyhow::Result<()> {
    Ok(())
}

/// Starts the gateway. It does not wait for the services behind it.
///
/// # Errors
/// When its file is refused, or an address is malformed or cannot be listened at.
pub async fn start(config: Config) -> anyhow::Result<Service> {
    let service = Service::new("gateway");
    let (mut source, table) = routing::Source::open(&config).await?;
    let current = current::Current::new(table).await;
    let peers = Peers::of(&service, &config.auth)?;
    let bus = Bus::new(&config.amqp, service.name());
    let auth = Auth::following(&peers, &service, bus.clone());
    let clearing = Arc::new(cache::Clearing(current.clone()));
    service.listen("cache", cache::Clearing::CHANGES, bus.clone(), clearing);
    let gate = Arc::new(gate::Gate {
        feed: feed::Feed::new(&service, bus, auth.clone(), config.event_streams),
        auth,
        api_keys: api_keys::ApiKeys::new(peers.to_identity()),
        limits: limits::Limits::new(&config)?,
        cache: cache::Cache::new(),
        trusted_proxies: config.trusted_proxies.clone(),
        current: current.clone(),
    });
    let documents = openapi::Documents::new(current.clone())?;
    let merged = documents.merged();
    let probe = Arc::new(health::Probe::new(
        current.clone(),
        service.health().clone(),
    ));

    let events = asyncapi::router()?;
    let routes = move || {
        let router = gate::router(&gate)
            .merge(health::router(probe.clone()))
            .merge(openapi::router(merged.clone()))
            .merge(events.clone());
        let valve = valve::Valve::new(&gate.current.plan());
        let manners = |router| manners::apply(router, &gate);
        HttpRoutes::within("gateway", router, manners, Some(Arc::new(valve)))
    };
    let served = routes();
    service.background("openapi", async |stop| documents.refresh(stop).await);
    let replaced = served.clone();
    service.background("routes", async move |stop| {
        while let Some(table) = source.changed(&stop).await {
            current.replace(table).await;
            replaced.replace(&routes());
        }
    });
    service.serve_http_bare(config.http_addr, served).await?;
    Ok(service)
}
