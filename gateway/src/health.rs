//! Whether the gateway lives, and whether the system behind it can serve.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use axum::{
    Json, Router,
    extract::State,
    response::{IntoResponse, Response},
    routing::get,
};
use chassis::health::Health;
use futures::future::join_all;
use http::StatusCode;
use serde::Serialize;
use tokio::{sync::Mutex, time::Instant};

use crate::{proxy::Proxy, routes::Upstream};

/// A service that takes longer to say whether it is ready is not.
const PROBE_TIMEOUT: Duration = Duration::from_secs(1);
/// However many ask, the services are not probed more often than this.
const KEPT: Duration = Duration::from_millis(500);

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Condition {
    Up,
    Down,
}

impl From<bool> for Condition {
    fn from(holds: bool) -> Self {
        if holds { Self::Up } else { Self::Down }
    }
}

/// Whether the gateway runs.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct Liveness {
    status: Condition,
}

/// Whether the whole system can serve: `up` only if all of its parts are.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
pub(crate) struct Readiness {
    status: Condition,
    /// By the name of the part.
    #[schema(example = json!({ "identity-svc": "up", "order-svc": "down" }))]
    checks: BTreeMap<String, Condition>,
}

/// Asks the services, and remembers their answer for a moment.
pub(crate) struct Probe {
    proxy: Arc<Proxy>,
    own: Health,
    last: Mutex<Option<(Instant, Readiness)>>,
}

impl Probe {
    pub(crate) fn new(proxy: Arc<Proxy>, own: Health) -> Self {
        Self {
            proxy,
            own,
            last: Mutex::default(),
        }
    }

    async fn readiness(&self) -> Readiness {
        // Held while the services are asked: who comes meanwhile shares the answer.
        let mut last = self.last.lock().await;
        if let Some((at, readiness)) = last.as_ref()
            && at.elapsed() < KEPT
        {
            return readiness.clone();
        }
        let own = self
            .own
            .report()
            .into_iter()
            .map(|(name, holds)| (name, holds.into()));
        let services = join_all(Upstream::ALL.map(|upstream| self.probe(upstream))).await;
        let checks: BTreeMap<String, Condition> = own.chain(services).collect();
        let ready = checks.values().all(|condition| *condition == Condition::Up);
        let readiness = Readiness {
            status: ready.into(),
            checks,
        };
        *last = Some((Instant::now(), readiness.clone()));
        readiness
    }

    async fn probe(&self, upstream: Upstream) -> (String, Condition) {
        let answer = self
            .proxy
            .get(upstream, "/health/ready", PROBE_TIMEOUT)
            .await;
        let ready = matches!(answer, Ok((StatusCode::OK, _)));
        (upstream.name().to_owned(), ready.into())
    }
}

pub(crate) fn router(probe: Arc<Probe>) -> Router {
    Router::new()
        .route("/health/live", get(live))
        .route("/health/ready", get(ready))
        .with_state(probe)
}

/// The gateway runs
#[utoipa::path(
    get,
    path = "/health/live",
    operation_id = "get_liveness",
    tag = "gateway",
    responses((status = 200, description = "It does", body = Liveness))
)]
pub(crate) async fn live() -> Json<Liveness> {
    Json(Liveness {
        status: Condition::Up,
    })
}

/// Every service is ready
#[utoipa::path(
    get,
    path = "/health/ready",
    operation_id = "get_readiness",
    tag = "gateway",
    responses(
        (status = 200, description = "All parts are up", body = Readiness),
        (status = 503, description = "A part is down", body = Readiness),
    )
)]
pub(crate) async fn ready(State(probe): State<Arc<Probe>>) -> Response {
    let readiness = probe.readiness().await;
    let status = match readiness.status {
        Condition::Up => StatusCode::OK,
        Condition::Down => StatusCode::SERVICE_UNAVAILABLE,
    };
    (status, Json(readiness)).into_response()
}
