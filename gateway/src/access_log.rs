//! One line for each request, with nothing secret in it: no query, no body, no token. `RUST_LOG=access=off` ends it.

use std::{sync::Arc, time::Instant};

use axum::{
    body::HttpBody as _,
    extract::{MatchedPath, Request},
    middleware::Next,
    response::Response,
};
use chassis::trace::TraceContext;
use http::{HeaderMap, HeaderName, header};

use crate::gate::Gate;

/// Longer texts of a client's are cut, in bytes.
const LONGEST: usize = 200;

pub(crate) async fn log(gate: Arc<Gate>, request: Request, next: Next) -> Response {
    if !tracing::enabled!(target: "access", tracing::Level::INFO) {
        return next.run(request).await;
    }
    let began = Instant::now();
    let client = gate.client(&request);
    let method = request.method().clone();
    let path = request.uri().path().to_owned();
    let version = request.version();
    let agent = text(request.headers(), &header::USER_AGENT);
    let route = request.extensions().get::<MatchedPath>().cloned();
    let answer = next.run(request).await;
    let context = TraceContext::current();
    let caller = context.as_ref().and_then(TraceContext::caller);
    tracing::info!(
        target: "access",
        client = client.map(tracing::field::display),
        caller = caller.map(tracing::field::display),
        %method,
        path = cut(&path),
        route = route.as_ref().map(MatchedPath::as_str),
        ?version,
        status = answer.status().as_u16(),
        bytes = answer.body().size_hint().exact(),
        micros = u64::try_from(began.elapsed().as_micros()).unwrap_or(u64::MAX),
        agent,
    );
    answer
}

fn text(headers: &HeaderMap, name: &HeaderName) -> Option<String> {
    let value = headers.get(name)?.to_str().ok()?;
    Some(cut(value).to_owned())
}

fn cut(text: &str) -> &str {
    &text[..text.floor_char_boundary(LONGEST)]
}
