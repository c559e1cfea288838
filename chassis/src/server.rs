//! How requests enter: each runs in a task of its own, with a trace context and a log span.

use std::{
    net::SocketAddr,
    panic,
    sync::{Arc, OnceLock},
    time::{Duration, Instant},
};

use arc_swap::ArcSwap;
use axum::{
    Router,
    body::Body,
    extract::{ConnectInfo, MatchedPath, Request, State},
    middleware::{self, Next},
    response::{IntoResponse as _, Response},
    routing::get,
};
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use hyper::body::Incoming;
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::{conn::auto, graceful::GracefulShutdown},
};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use serde::Serialize;
#[cfg(target_os = "linux")]
use socket2::SockRef;
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tonic::service::Routes;
use tower::ServiceExt as _;
use tracing::Instrument as _;

use crate::{
    Code, Error,
    auth::{Guard, guarded},
    grpc,
    health::Health,
    trace::{REQUEST_ID, REQUEST_TIMEOUT, TRACEPARENT, TraceContext},
};

/// Who sends headers slower than this is cut off.
const HEADER_TIMEOUT: Duration = Duration::from_secs(10);
/// Who takes nothing of what is sent for so long is cut off, also who is gone without a word.
const READ_TIMEOUT: Duration = Duration::from_secs(30);

#[derive(Clone, Copy)]
struct Scope {
    service: &'static str,
    protocol: Protocol,
}

#[derive(Clone, Copy)]
enum Protocol {
    Http,
    Grpc,
}

/// Routes that may become others while they are served. A request ends on those that it began on.
#[derive(Clone)]
pub struct HttpRoutes(Arc<ArcSwap<Served>>);

struct Served {
    router: Router,
    valve: Option<Arc<dyn Valve>>,
}

/// Refuses what there is no room for, before anything else is done for it: what is refused by the thousand must cost next to
/// nothing.
pub trait Valve: Send + Sync + 'static {
    /// Why not; None: it may come in.
    fn refuse(&self, method: &Method, path: &str) -> Option<Error>;
}

impl HttpRoutes {
    /// With request contexts, `/metrics`, and problem documents for what is not routed.
    #[must_use]
    pub fn new(service: &'static str, router: Router) -> Self {
        Self::within(service, router, |router| router, None)
    }

    /// The same, with layers around all of it but the contexts, and a valve before it.
    #[must_use]
    pub fn within(
        service: &'static str,
        router: Router,
        layers: impl FnOnce(Router) -> Router,
        valve: Option<Arc<dyn Valve>>,
    ) -> Self {
        // With its state, though it has none, each layer is applied now, and not for each request anew.
        let router = in_contexts(service, layers(completed(router))).with_state(());
        Self(Arc::new(ArcSwap::from_pointee(Served { router, valve })))
    }

    /// From now on these in place of the others.
    pub fn replace(&self, routes: &Self) {
        self.0.store(routes.0.load_full());
    }

    /// The routes of the moment; or the refusal, if there is no room for the request.
    fn admit(&self, request: &hyper::Request<Incoming>) -> Result<Router, Box<Response>> {
        let served = self.0.load();
        let refused = served
            .valve
            .as_ref()
            .and_then(|valve| valve.refuse(request.method(), request.uri().path()));
        match refused {
            None => Ok(Router::clone(&served.router)),
            Some(error) => {
                let context = context(request.headers(), None);
                let request_id = HeaderValue::from_str(context.request_id());
                let mut refusal = context.enter(|| error.into_response());
                if let Ok(value) = request_id {
                    refusal.headers_mut().insert(REQUEST_ID, value);
                }
                Err(Box::new(refusal))
            }
        }
    }
}

fn completed(router: Router) -> Router {
    router
        .route("/metrics", get(metrics))
        .fallback(async || Error::not_found("nothing has this address"))
        .method_not_allowed_fallback(async || {
            Error::new(
                Code::MethodNotAllowed,
                "method-not-allowed",
                "this address does not take this method",
            )
        })
}

fn in_contexts(service: &'static str, router: Router) -> Router {
    let scope = Scope {
        service,
        protocol: Protocol::Http,
    };
    router.layer(middleware::from_fn_with_state(scope, in_context))
}

/// Guarded routes with request contexts.
pub(crate) fn grpc_routes(service: &'static str, routes: Routes, guard: Guard) -> Routes {
    let scope = Scope {
        service,
        protocol: Protocol::Grpc,
    };
    Routes::from(
        routes
            .into_axum_router()
            .layer(middleware::from_fn_with_state(guard, guarded))
            .layer(middleware::from_fn_with_state(scope, in_context)),
    )
}

/// Runs a request in a task of its own: a caller who hangs up does not cut a transaction in two, and a panic costs one
/// request.
async fn in_context(State(scope): State<Scope>, request: Request, next: Next) -> Response {
    let context = {
        let header = |name| request.headers().get(name)?.to_str().ok();
        let time = match scope.protocol {
            Protocol::Http => header(REQUEST_TIMEOUT)
                .and_then(|millis| millis.parse().ok())
                .map(Duration::from_millis),
            Protocol::Grpc => header(grpc::TIMEOUT).and_then(grpc::parse_timeout),
        };
        context(request.headers(), time)
    };
    let request_id = HeaderValue::from_str(context.request_id());
    // The template, not the path: a label must not grow with the data.
    let route = match (scope.protocol, request.extensions().get::<MatchedPath>()) {
        (Protocol::Http, Some(path)) => path.as_str().to_owned(),
        (Protocol::Http, None) => "unmatched".to_owned(),
        (Protocol::Grpc, _) => request.uri().path().to_owned(),
    };
    let method = request.method().clone();
    let span = tracing::info_span!(
        "request",
        service = scope.service,
        %method,
        route,
        request_id = context.request_id(),
        trace_id = context.trace_id(),
    );
    let started = Instant::now();
    let task = tokio::spawn(context.scope(next.run(request)).instrument(span.clone()));
    let mut response = match task.await {
        Ok(response) => response,
        Err(error) => {
            let reason = error
                .try_into_panic()
                .map_or_else(|_| "cancelled".to_owned(), panic_text);
            let error =
                span.in_scope(|| Error::internal(anyhow::anyhow!("a handler panicked: {reason}")));
            match scope.protocol {
                Protocol::Http => span.in_scope(|| error.into_response()),
                Protocol::Grpc => span.in_scope(|| tonic::Status::from(error).into_http()),
            }
        }
    };
    if let Ok(value) = request_id {
        response.headers_mut().insert(REQUEST_ID, value);
    }
    let status = response.status();
    let elapsed = started.elapsed();
    tracing::debug!(parent: &span, status = status.as_u16(), ?elapsed, "answered");
    let labels = [
        ("service", scope.service.to_owned()),
        ("route", route),
        ("method", method.to_string()),
        ("status", status.as_u16().to_string()),
    ];
    metrics::counter!("requests_total", &labels).increment(1);
    metrics::histogram!("request_seconds", &labels[..3]).record(elapsed);
    response
}

/// The context of a request with these headers, whose caller waits for `time`.
fn context(headers: &HeaderMap, time: Option<Duration>) -> TraceContext {
    let header = |name| headers.get(name)?.to_str().ok();
    TraceContext::from_headers(header(TRACEPARENT), header(REQUEST_ID)).within(time)
}

fn panic_text(payload: Box<dyn std::any::Any + Send>) -> String {
    payload
        .downcast_ref::<&str>()
        .map(ToString::to_string)
        .or_else(|| payload.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "no message".to_owned())
}

/// Accepts connections until `stop`, then lets requests in flight end within `drain`.
pub(crate) async fn serve_http(
    listener: TcpListener,
    routes: HttpRoutes,
    stop: CancellationToken,
    drain: Duration,
) {
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT);
    builder.http2().timer(TokioTimer::new());
    let graceful = GracefulShutdown::new();
    loop {
        let (stream, peer) = tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    // Out of file descriptors, most likely: some will be given back.
                    tracing::warn!(%error, "cannot accept a connection");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                    continue;
                }
            },
            () = stop.cancelled() => break,
        };
        let _ = stream.set_nodelay(true);
        let _ = cut_off_after(&stream, READ_TIMEOUT);
        let routes = routes.clone();
        let service = hyper::service::service_fn(move |mut request: hyper::Request<Incoming>| {
            request
                .extensions_mut()
                .insert(ConnectInfo::<SocketAddr>(peer));
            let admitted = routes.admit(&request);
            async move {
                match admitted {
                    Ok(router) => router.oneshot(request.map(Body::new)).await,
                    Err(refusal) => Ok(*refusal),
                }
            }
        });
        let connection = builder
            .serve_connection_with_upgrades(TokioIo::new(stream), service)
            .into_owned();
        let connection = graceful.watch(connection);
        tokio::spawn(async move {
            // A client that breaks off is no event of ours.
            if let Err(error) = connection.await {
                tracing::debug!(%error, "a connection broke");
            }
        });
    }
    drop(listener);
    let _ = tokio::time::timeout(drain, graceful.shutdown()).await;
}

/// An answer that nobody takes cannot end by itself: hyper asks it for more only when the last of it was sent.
#[cfg(target_os = "linux")]
fn cut_off_after(stream: &TcpStream, patience: Duration) -> std::io::Result<()> {
    SockRef::from(stream).set_tcp_user_timeout(Some(patience))
}

/// Elsewhere the system decides.
#[cfg(not(target_os = "linux"))]
fn cut_off_after(_: &TcpStream, _: Duration) -> std::io::Result<()> {
    Ok(())
}

#[derive(Serialize)]
struct HealthReport {
    status: &'static str,
    checks: std::collections::BTreeMap<String, &'static str>,
}

/// `/health/live` and `/health/ready`.
pub(crate) fn health_routes(health: &Health) -> Router {
    Router::new()
        .route(
            "/health/live",
            get(async || axum::Json(serde_json::json!({"status": "up"}))),
        )
        .route(
            "/health/ready",
            get(async |State(health): State<Health>| {
                let checks = health.report();
                let ready = checks.values().all(|holds| *holds);
                let status = if ready {
                    StatusCode::OK
                } else {
                    StatusCode::SERVICE_UNAVAILABLE
                };
                let word = |holds| if holds { "up" } else { "down" };
                let report = HealthReport {
                    status: word(ready),
                    checks: checks
                        .into_iter()
                        .map(|(name, holds)| (name, word(holds)))
                        .collect(),
                };
                (status, axum::Json(report))
            }),
        )
        .with_state(health.clone())
}

async fn metrics() -> Response {
    match recorder() {
        Some(handle) => {
            handle.run_upkeep();
            handle.render().into_response()
        }
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

/// The process' metrics; installed at first use.
pub(crate) fn recorder() -> Option<&'static PrometheusHandle> {
    static RECORDER: OnceLock<Option<PrometheusHandle>> = OnceLock::new();
    RECORDER
        .get_or_init(|| PrometheusBuilder::new().install_recorder().ok())
        .as_ref()
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use tokio::io::AsyncWriteExt as _;

    use super::*;

    #[tokio::test]
    async fn who_takes_nothing_is_cut_off() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let _deaf = TcpStream::connect(addr).await.unwrap();
        let (mut stream, _) = listener.accept().await.unwrap();
        cut_off_after(&stream, Duration::from_millis(500)).unwrap();
        let endless = async {
            loop {
                if let Err(error) = stream.write_all(&[0; 64 * 1024]).await {
                    return error.kind();
                }
            }
        };
        let ended = tokio::time::timeout(Duration::from_secs(10), endless).await;
        assert_eq!(ended.unwrap(), std::io::ErrorKind::TimedOut);
    }
}
