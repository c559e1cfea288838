//! The only door of the system: one table of routes, authentication, a streaming reverse proxy, and one OpenAPI
//! document of everything behind it.

#![cfg_attr(
    test,
    allow(clippy::unwrap_used, reason = "a test that cannot go on fails")
)]

mod api_keys;
mod asyncapi;
mod config;
mod gate;
mod headers;
mod health;
mod openapi;
mod proxy;
pub mod routes;

use std::sync::Arc;

use chassis::{Service, auth::Auth, grpc::Peers};
use http::{HeaderName, HeaderValue, header};
use tower_http::set_header::SetResponseHeaderLayer;

pub use asyncapi::document as asyncapi;
pub use config::{Config, Origin};
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
/// When an address is malformed or cannot be listened at.
pub async fn start(config: Config) -> anyhow::Result<Service> {
    let service = Service::new("gateway");
    let proxy = Arc::new(proxy::Proxy::new(&config));
    let peers = Peers::of(&service, &config.auth)?;
    let auth = Auth::remote(&peers, &service);
    let documents = openapi::Documents::new(proxy.clone())?;
    let probe = health::Probe::new(proxy.clone(), service.health().clone());

    let gate = gate::Gate {
        auth,
        api_keys: api_keys::ApiKeys::new(peers.to_identity()),
        proxy,
    };
    let router = gate::router(Arc::new(gate))
        .merge(health::router(Arc::new(probe)))
        .merge(openapi::router(documents.merged()))
        .merge(asyncapi::router()?)
        // One layer, not two: each costs every request an allocation.
        .layer((
            default_header(header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
            default_header(header::REFERRER_POLICY, "no-referrer"),
        ));
    service.background("openapi", async |stop| documents.refresh(stop).await);
    service.serve_http_bare(config.http_addr, router).await?;
    Ok(service)
}

/// A header for every answer that does not set it itself.
fn default_header(name: HeaderName, value: &'static str) -> SetResponseHeaderLayer<HeaderValue> {
    SetResponseHeaderLayer::if_not_present(name, HeaderValue::from_static(value))
}
