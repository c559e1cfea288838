//! One OpenAPI document of the whole system: what the services say of the calls that the gateway passes on to them,
//! and the gateway's own pages.

mod away;
mod front;
mod merge;

use std::{borrow::Cow, sync::Arc, time::Duration};

use axum::{Router, extract::State, response::IntoResponse, routing::get};
use bytes::Bytes;
use chrono::{DateTime, Utc};
use futures::future::join_all;
use http::header::CONTENT_TYPE;
use serde_json::Value;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use utoipa::OpenApi as _;
use utoipa_swagger_ui::SwaggerUi;

use merge::{Part, merge};

use crate::{
    asyncapi, health,
    proxy::Proxy,
    routes::{Upstream, routed},
};

const FETCH_TIMEOUT: Duration = Duration::from_secs(2);
/// How soon services are asked again while one of them has not answered, and when all have.
const REFRESH: (Duration, Duration) = (Duration::from_secs(2), Duration::from_secs(30));
/// Where each service has its document, and the gateway the merged one.
const PATH: &str = "/openapi.json";

#[derive(utoipa::OpenApi)]
#[openapi(
    info(
        title = "EasyOrder",
        description = "The public interface. Errors are problem documents (RFC 9457); every answer has an `x-request-id`. \
            What happens is told by [events](/asyncapi), too."
    ),
    components(schemas(chassis::Problem)),
    paths(document, asyncapi::json, health::live, health::ready),
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

/// The document of the whole system, from what each service says of itself in turn.
///
/// # Errors
/// When a part cannot be written as JSON.
pub fn merged(
    services: impl IntoIterator<Item = (Upstream, utoipa::openapi::OpenApi)>,
) -> serde_json::Result<Value> {
    let documents = services
        .into_iter()
        .map(|(service, openapi)| Ok((service, serde_json::to_value(openapi)?)))
        .collect::<serde_json::Result<Vec<_>>>()?;
    let parts: Vec<Part<'_>> = documents
        .iter()
        .map(|(service, document)| Part {
            service: *service,
            document,
        })
        .collect();
    Ok(complete(merge(
        &serde_json::to_value(own())?,
        &parts,
        routed,
    )))
}

/// With what no service says of itself.
fn complete(mut merged: Value) -> Value {
    front::answers(&mut merged);
    chassis::openapi::complete(&mut merged);
    merged
}

/// The merged document, ready to send.
#[derive(Clone)]
struct Merged(watch::Receiver<Bytes>);

/// The pages that show the merged document.
pub(crate) fn router(merged: watch::Receiver<Bytes>) -> Router {
    Router::new()
        .route(PATH, get(document))
        .with_state(Merged(merged))
        .merge(SwaggerUi::new("/docs").config(utoipa_swagger_ui::Config::from(PATH)))
}

/// The merged OpenAPI document
#[utoipa::path(
    get,
    path = "/openapi.json",
    operation_id = "get_openapi",
    tag = "gateway",
    responses((status = 200, description = "OpenAPI 3.1. A service that has not answered yet is missing; what one that is away said \
        last stays, marked with `x-unavailable-since`", body = Object))
)]
async fn document(State(Merged(merged)): State<Merged>) -> impl IntoResponse {
    let document = merged.borrow().clone();
    ([(CONTENT_TYPE, "application/json")], document)
}

/// The last known document of each service.
pub(crate) struct Documents {
    proxy: Arc<Proxy>,
    own: Value,
    known: [Option<(Bytes, Value)>; Upstream::ALL.len()],
    /// Of those that are known, since when each has not answered.
    away: [Option<DateTime<Utc>>; Upstream::ALL.len()],
    merged: watch::Sender<Bytes>,
}

impl Documents {
    /// With no service's document known.
    ///
    /// # Errors
    /// When the gateway's own part cannot be written as JSON.
    pub(crate) fn new(proxy: Arc<Proxy>) -> anyhow::Result<Self> {
        let documents = Self {
            proxy,
            own: serde_json::to_value(own())?,
            known: [const { None }; Upstream::ALL.len()],
            away: [None; Upstream::ALL.len()],
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
        let proxy = &self.proxy;
        let answers = join_all(Upstream::ALL.map(|upstream| fetch(proxy, upstream))).await;
        let mut changed = false;
        let mut all = true;
        let services = Upstream::ALL
            .iter()
            .zip(&mut self.known)
            .zip(&mut self.away);
        for (((upstream, known), away), answer) in services.zip(answers) {
            let answers = answer.is_ok();
            if known.is_some() && away.is_some() == answers {
                *away = (!answers).then(Utc::now);
                changed = true;
            }
            match answer {
                Ok(bytes) if known.as_ref().is_some_and(|(old, _)| *old == bytes) => {}
                Ok(bytes) => match serde_json::from_slice(&bytes) {
                    Ok(value) => {
                        *known = Some((bytes, value));
                        changed = true;
                    }
                    Err(error) => {
                        tracing::warn!(upstream = upstream.name(), %error, "its OpenAPI document is not JSON");
                        all = false;
                    }
                },
                Err(error) => {
                    // The readiness probe tells of a service that is away; this would only repeat it.
                    tracing::debug!(upstream = upstream.name(), %error, "no OpenAPI document");
                    all = false;
                }
            }
        }
        if changed {
            self.publish();
        }
        all
    }

    fn publish(&self) {
        let services = || Upstream::ALL.into_iter().zip(self.away);
        let documents: Vec<(Upstream, Cow<'_, Value>)> = services()
            .zip(&self.known)
            .filter_map(|((upstream, away), known)| {
                let (_, document) = known.as_ref()?;
                Some((upstream, away::marked(document, away)))
            })
            .collect();
        let parts: Vec<Part<'_>> = documents
            .iter()
            .map(|(service, document)| Part {
                service: *service,
                document,
            })
            .collect();
        let mut merged = complete(merge(&self.own, &parts, routed));
        let away = services().filter_map(|(upstream, away)| Some((upstream.name(), away?)));
        away::tell(&mut merged, away);
        self.merged.send_replace(merged.to_string().into());
    }
}

async fn fetch(proxy: &Proxy, upstream: Upstream) -> anyhow::Result<Bytes> {
    let (status, body) = proxy.get(upstream, PATH, FETCH_TIMEOUT).await?;
    anyhow::ensure!(status.is_success(), "it answered {status}");
    Ok(body)
}
