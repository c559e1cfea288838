//! One OpenAPI document of the whole system: what the services say of the calls that the gateway passes on to them,
//! and the gateway's own pages.

mod merge;

use std::{collections::BTreeMap, time::Duration};

use axum::{Router, extract::State, response::IntoResponse, routing::get};
use bytes::Bytes;
use chassis::http::BearerToken;
use futures::future::join_all;
use http::{
    HeaderValue,
    header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE},
};
use serde_json::Value;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tower_http::set_header::SetResponseHeaderLayer;
use utoipa::OpenApi as _;
use utoipa_swagger_ui::SwaggerUi;

use merge::{Part, merge};

use crate::{aggregation, current::Current, health, proxy, routing::Table, upstream::Upstream};

const FETCH_TIMEOUT: Duration = Duration::from_secs(2);
/// How soon services are asked again while one of them has not answered, and when all have.
const REFRESH: (Duration, Duration) = (Duration::from_secs(2), Duration::from_secs(30));
/// Where each service has its document, and the gateway the merged one.
const PATH: &str = "/openapi.json";
/// Swagger UI loads nothing from elsewhere; it sets styles in its elements and has pictures in its style sheet.
const PAGE_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; \
                           connect-src 'self'; frame-ancestors 'none'";

#[derive(utoipa::OpenApi)]
#[openapi(
    info(
        title = "EasyOrder",
        description = "The public interface. Errors are problem documents (RFC 9457); every answer has an `x-request-id`."
    ),
    paths(document, health::live, health::ready, aggregation::dashboard::dashboard),
    modifiers(&BearerToken),
    tags((name = "gateway", description = "The gateway itself"))
)]
struct Own;

/// The gateway's own part.
#[must_use]
pub fn own() -> utoipa::openapi::OpenApi {
    let mut own = Own::openapi();
    own.info.version = env!("CARGO_PKG_VERSION").to_owned();
    own
}

/// The document of the whole system, from what each service says of itself in turn, and of which the table passes on what.
///
/// # Errors
/// When a part cannot be written as JSON.
pub fn merged<'a>(
    services: impl IntoIterator<Item = (&'a str, utoipa::openapi::OpenApi)>,
    table: &Table,
) -> serde_json::Result<Value> {
    let documents = services
        .into_iter()
        .map(|(service, openapi)| Ok((service, serde_json::to_value(openapi)?)))
        .collect::<serde_json::Result<Vec<_>>>()?;
    let parts: Vec<Part<'_>> = documents
        .iter()
        .map(|(service, document)| Part { service, document })
        .collect();
    let routed = |service: &str, method: &str, path: &str| table.is_routed(service, method, path);
    let mut merged = merge(&serde_json::to_value(own())?, &parts, routed);
    aggregation::describe(&mut merged, &table.routes);
    Ok(merged)
}

/// The merged document, ready to send.
#[derive(Clone)]
struct Merged(watch::Receiver<Bytes>);

/// The pages that show the merged document.
pub(crate) fn router(merged: watch::Receiver<Bytes>) -> Router {
    let page = Router::new()
        .merge(SwaggerUi::new("/docs").config(utoipa_swagger_ui::Config::from(PATH)))
        .layer(SetResponseHeaderLayer::overriding(
            CONTENT_SECURITY_POLICY,
            HeaderValue::from_static(PAGE_POLICY),
        ));
    Router::new()
        .route(PATH, get(document))
        .with_state(Merged(merged))
        .merge(page)
}

/// The merged OpenAPI document
#[utoipa::path(
    get,
    path = "/openapi.json",
    tag = "gateway",
    responses((status = 200, description = "OpenAPI 3.1; a service that has not answered yet is missing", body = Value))
)]
async fn document(State(Merged(merged)): State<Merged>) -> impl IntoResponse {
    let document = merged.borrow().clone();
    ([(CONTENT_TYPE, "application/json")], document)
}

/// The last known document of each service.
pub(crate) struct Documents {
    current: Current,
    own: Value,
    /// By the service's name.
    known: BTreeMap<String, (Bytes, Value)>,
    merged: watch::Sender<Bytes>,
}

impl Documents {
    /// With no service's document known.
    ///
    /// # Errors
    /// When the gateway's own part cannot be written as JSON.
    pub(crate) fn new(current: Current) -> anyhow::Result<Self> {
        let documents = Self {
            current,
            own: serde_json::to_value(own())?,
            known: BTreeMap::new(),
            merged: watch::Sender::default(),
        };
        documents.publish();
        Ok(documents)
    }

    pub(crate) fn merged(&self) -> watch::Receiver<Bytes> {
        self.merged.subscribe()
    }

    /// Asks the services again and again until `stop`.
    pub(crate) async fn refresh(mut self, stop: CancellationToken) {
        let (soon, later) = REFRESH;
        loop {
            let all = tokio::select! {
                all = self.fetch() => all,
                () = stop.cancelled() => return,
            };
            tokio::select! {
                () = tokio::time::sleep(if all { later } else { soon }) => {}
                () = stop.cancelled() => return,
            }
        }
    }

    /// Asks every service once; true when all have answered.
    async fn fetch(&mut self) -> bool {
        let plan = self.current.plan();
        let answers = join_all(plan.upstreams().filter_map(|upstream| {
            let path = upstream.plan().openapi.as_ref()?;
            Some(async move { (upstream.name(), fetch(upstream, path).await) })
        }));
        let mut all = true;
        for (name, answer) in answers.await {
            match answer {
                Ok(bytes) if self.known.get(name).is_some_and(|(old, _)| *old == bytes) => {}
                Ok(bytes) => match serde_json::from_slice(&bytes) {
                    Ok(value) => {
                        self.known.insert(name.to_owned(), (bytes, value));
                    }
                    Err(error) => {
                        tracing::warn!(upstream = name, %error, "its OpenAPI document is not JSON");
                        all = false;
                    }
                },
                Err(error) => {
                    // The readiness probe tells of a service that is away; this would only repeat it.
                    tracing::debug!(upstream = name, %error, "no OpenAPI document");
                    all = false;
                }
            }
        }
        self.publish();
        all
    }

    fn publish(&self) {
        let plan = self.current.plan();
        let parts: Vec<Part<'_>> = plan
            .upstreams()
            .filter_map(|upstream| {
                let (_, document) = self.known.get(upstream.name())?;
                Some(Part {
                    service: upstream.name(),
                    document,
                })
            })
            .collect();
        let routed =
            |service: &str, method: &str, path: &str| plan.table.is_routed(service, method, path);
        let mut merged = merge(&self.own, &parts, routed);
        aggregation::describe(&mut merged, &plan.table.routes);
        self.merged.send_replace(merged.to_string().into());
    }
}

async fn fetch(upstream: &Upstream, path: &str) -> anyhow::Result<Bytes> {
    let (status, body) = proxy::get(upstream, path, FETCH_TIMEOUT).await?;
    anyhow::ensure!(status.is_success(), "it answered {status}");
    Ok(body)
}
