//! How the gateway behaves on the web: which pages may call it, what browsers are told, what is compressed, what is logged.

use std::{sync::Arc, time::Duration};

use axum::{Router, middleware, response::Response};
use http::{
    HeaderName, HeaderValue, Method,
    header::{
        ACCEPT, AUTHORIZATION, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG,
        IF_MATCH, IF_NONE_MATCH, LOCATION, REFERRER_POLICY, RETRY_AFTER, X_CONTENT_TYPE_OPTIONS,
        X_FRAME_OPTIONS,
    },
};
use tower_http::{
    compression::{
        CompressionLayer,
        predicate::{Predicate, SizeAbove},
    },
    cors::{AllowOrigin, CorsLayer},
};

use crate::{
    access_log,
    gate::Gate,
    routing::{Cors, Origins},
};

/// Shorter answers are not worth it, in bytes.
const COMPRESS_ABOVE: u64 = 1_024;

/// Headers for every answer that does not set them itself. A page sets its own policy; what is no page may do nothing.
const HEADERS: [(HeaderName, &str); 7] = [
    (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (REFERRER_POLICY, "no-referrer"),
    (X_FRAME_OPTIONS, "DENY"),
    (
        CONTENT_SECURITY_POLICY,
        "default-src 'none'; frame-ancestors 'none'",
    ),
    (
        HeaderName::from_static("cross-origin-resource-policy"),
        "same-site",
    ),
    (
        HeaderName::from_static("cross-origin-opener-policy"),
        "same-origin",
    ),
    // What one user sees is for nobody's store. Answers for anybody say so themselves.
    (CACHE_CONTROL, "no-store"),
];

pub(crate) fn apply(router: Router, gate: &Arc<Gate>) -> Router {
    let cors = cors(&gate.current.plan().table.cors);
    let gate = gate.clone();
    let router = router
        .layer(middleware::map_response(async |answer| {
            with_headers(answer)
        }))
        .layer(CompressionLayer::new().gzip(true).compress_when(Worthwhile));
    // Without it OPTIONS is a method like others.
    let router = match cors {
        Some(cors) => router.layer(cors),
        None => router,
    };
    router.layer(middleware::from_fn(move |request, next| {
        access_log::log(gate.clone(), request, next)
    }))
}

fn with_headers(mut answer: Response) -> Response {
    let headers = answer.headers_mut();
    for (name, value) in &HEADERS {
        if !headers.contains_key(name) {
            headers.insert(name, HeaderValue::from_static(value));
        }
    }
    answer
}

/// None: no page of another origin may call.
fn cors(cors: &Cors) -> Option<CorsLayer> {
    let origins = match &cors.origins {
        Origins::Any => AllowOrigin::any(),
        Origins::These(origins) if origins.is_empty() => return None,
        Origins::These(origins) => AllowOrigin::list(origins.iter().cloned()),
    };
    let header = HeaderName::from_static;
    // No credentials: a token is sent by the page, never by the browser itself.
    let layer = CorsLayer::new()
        .allow_origin(origins)
        .allow_methods([
            Method::GET,
            Method::POST,
            Method::PUT,
            Method::PATCH,
            Method::DELETE,
        ])
        .allow_headers([
            ACCEPT,
            AUTHORIZATION,
            CACHE_CONTROL,
            CONTENT_TYPE,
            IF_MATCH,
            IF_NONE_MATCH,
            header("idempotency-key"),
            header("last-event-id"),
            header("traceparent"),
            header("x-request-id"),
            header("x-request-timeout-ms"),
        ])
        .expose_headers([
            ETAG,
            LOCATION,
            RETRY_AFTER,
            header("idempotency-replayed"),
            header("ratelimit"),
            header("ratelimit-policy"),
            header("x-request-id"),
        ])
        .max_age(Duration::from_secs(cors.max_age.as_secs()));
    Some(layer)
}

/// Text that is long enough. Not what has a strong entity tag, since that stands for the bytes as they are
/// ([RFC 9110, 8.8.1](https://www.rfc-editor.org/rfc/rfc9110#section-8.8.1)), and not events, which must not wait.
#[derive(Clone, Copy)]
struct Worthwhile;

impl Predicate for Worthwhile {
    fn should_compress<B: hyper::body::Body>(&self, answer: &http::Response<B>) -> bool {
        let header = |name| {
            answer
                .headers()
                .get(name)
                .map(HeaderValue::as_bytes)
                .unwrap_or_default()
        };
        let kind = header(CONTENT_TYPE);
        let is_text = [&b"application/"[..], b"text/", b"image/svg"]
            .iter()
            .any(|start| kind.starts_with(start));
        let tag = header(ETAG);
        is_text
            && !kind.starts_with(b"text/event-stream")
            && (tag.is_empty() || tag.starts_with(b"W/"))
            && SizeAbove::new(COMPRESS_ABOVE).should_compress(answer)
    }
}
