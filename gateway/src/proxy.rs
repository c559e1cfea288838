//! Passes a request on to an upstream and its answer back, both as streams.

use std::{
    error::Error as StdError,
    net::IpAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context as _, anyhow};
use axum::{
    body::{Body, HttpBody as _},
    extract::Request,
    response::Response,
};
use bytes::Bytes;
use chassis::{
    Code, Error, Result,
    idempotency::IDEMPOTENCY_KEY,
    trace::{REQUEST_ID, REQUEST_TIMEOUT, TRACEPARENT, TraceContext},
};
use http::{HeaderMap, HeaderValue, Method, StatusCode, header::EXPECT, request};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use hyper::body::Incoming;
use tower_http::timeout::TimeoutError;

use crate::{
    body, headers,
    routing::Route,
    upstream::{InFlight, Upstream, uri},
};

/// The longest body that is read before it is passed on, so that it can be sent again, in bytes.
const REPLAY_LIMIT: u64 = 64 * 1024;
/// So long, and so many bytes, a body is read that is refused ([RFC 9112, 9.6](https://www.rfc-editor.org/rfc/rfc9112#section-9.6)).
const LINGER: Duration = Duration::from_secs(2);
const LINGER_LIMIT: usize = 32 * 1024 * 1024;
/// The longest answer that the gateway reads itself, in bytes.
pub(crate) const ANSWER_LIMIT: usize = 8 * 1024 * 1024;

/// Passes a request from `client` on, on a route's terms.
///
/// # Errors
/// `PayloadTooLarge`, `RequestTimeout`; `Unavailable` when the upstream cannot be reached, breaks off or has too much to do;
/// `DeadlineExceeded` when it does not begin to answer in time. A body that stops coming after that ends the connection.
pub(crate) async fn forward(
    upstream: &Arc<Upstream>,
    route: &Route,
    client: Option<IpAddr>,
    request: Request,
) -> Result<Response> {
    let (mut head, incoming) = request.into_parts();
    // Known to be too long: no service needs to read it.
    if incoming.size_hint().lower() > route.body_limit {
        // Who is not waiting to be told to go on reads no answer before all is sent.
        if !head.headers.contains_key(EXPECT) {
            let _ = tokio::time::timeout(LINGER, drain(incoming)).await;
        }
        return Err(too_large(route));
    }
    let time = time(route, &head.headers);
    let deadline = Instant::now() + time;
    let (incoming, complete) = body::incoming(incoming, route.body_limit, route.body_pause);
    let is_read = matches!(head.method, Method::GET | Method::HEAD);
    let is_safe = is_read || head.headers.contains_key(IDEMPOTENCY_KEY);
    let mut outgoing = Outgoing::new(incoming, route, deadline).await?;
    prepare(&mut head, client);
    // From here until the answer begins: a client that writes or reads slowly keeps nobody else out.
    let _permit = upstream.admit()?;

    let mut number = 0;
    let mut in_flight = upstream.pick(None)?;
    loop {
        let member = in_flight.member().clone();
        let left = deadline.saturating_duration_since(Instant::now());
        let mut parts = head.clone();
        parts.uri = uri(&member, parts.uri.path_and_query().cloned());
        parts.headers.insert(REQUEST_TIMEOUT, millis(left));
        let request = Request::from_parts(parts, outgoing.take());
        let (failure, is_harmless) =
            match tokio::time::timeout(left, upstream.client().request(request)).await {
                Ok(Ok(answer)) => {
                    upstream.succeeded(&member);
                    let is_away = answer.status() == StatusCode::SERVICE_UNAVAILABLE;
                    let may_go_elsewhere = is_safe && outgoing.can_repeat();
                    if !(is_away && may_go_elsewhere && upstream.has_other(&member))
                        || number == route.retries
                    {
                        return Ok(passed_back(answer, route, in_flight));
                    }
                    (anyhow!("{} answered 503", upstream.name()), true)
                }
                Ok(Err(error)) => {
                    if let Some(fault) = clients_fault(&error, route) {
                        return Err(fault);
                    }
                    upstream.failed(&member);
                    // What was never sent has done nothing yet.
                    let is_harmless = is_safe || error.is_connect();
                    let error = anyhow::Error::new(error).context(upstream.name().to_owned());
                    (error, is_harmless)
                }
                Err(_) if !complete.get() => return Err(too_slow()),
                Err(_) => {
                    // Who waits for less than the route allows says nothing of the service.
                    if time == route.timeout {
                        upstream.failed(&member);
                    }
                    return Err(too_late());
                }
            };
        let may_repeat = is_harmless && outgoing.can_repeat() && number < route.retries;
        let wait = may_repeat
            .then(|| upstream.retry(number, &member))
            .flatten();
        match wait {
            Some(wait) if Instant::now() + wait < deadline => tokio::time::sleep(wait).await,
            _ => return Err(Error::unavailable(failure)),
        }
        number += 1;
        in_flight = upstream.pick(Some(&member))?;
    }
}

/// Reads a body that nobody wants, as far as it is not too long for that.
async fn drain(body: Body) {
    let mut body = Limited::new(body, LINGER_LIMIT);
    while let Some(Ok(_)) = body.frame().await {}
}

/// The body of one request's attempts.
enum Outgoing {
    /// For one.
    Once(Body),
    /// All of it, for as many as are needed.
    Whole(Bytes),
}

impl Outgoing {
    /// Reads the body if it is short.
    async fn new(body: Body, route: &Route, deadline: Instant) -> Result<Self> {
        match body.size_hint().upper() {
            Some(0) => Ok(Self::Whole(Bytes::new())),
            Some(..=REPLAY_LIMIT) => {
                let reading = tokio::time::timeout_at(deadline.into(), body.collect());
                match reading.await {
                    Ok(Ok(read)) => Ok(Self::Whole(read.to_bytes())),
                    Ok(Err(error)) => {
                        Err(clients_fault(&error, route).unwrap_or_else(|| Error::internal(error)))
                    }
                    Err(_) => Err(too_slow()),
                }
            }
            _ => Ok(Self::Once(body)),
        }
    }

    fn can_repeat(&self) -> bool {
        matches!(self, Self::Whole(_))
    }

    fn take(&mut self) -> Body {
        match self {
            Self::Once(body) => std::mem::take(body),
            Self::Whole(bytes) if bytes.is_empty() => Body::empty(),
            Self::Whole(bytes) => Body::from(bytes.clone()),
        }
    }
}

/// How long the answer may take: as the route says, or less, if the client says so.
pub(crate) fn time(route: &Route, headers: &HeaderMap) -> Duration {
    let asked = headers
        .get(REQUEST_TIMEOUT)
        .and_then(|value| value.to_str().ok()?.parse().ok())
        .map(Duration::from_millis);
    asked.map_or(route.timeout, |asked| asked.min(route.timeout))
}

/// As a header says it; never 0, which would be no time at all.
pub(crate) fn millis(time: Duration) -> HeaderValue {
    HeaderValue::from(u64::try_from(time.as_millis()).unwrap_or(u64::MAX).max(1))
}

/// Turns the head of a client's request into that of the request to a service.
fn prepare(head: &mut request::Parts, client: Option<IpAddr>) {
    headers::forward(head, client);
    if let Some(context) = TraceContext::current() {
        for (name, value) in [
            (TRACEPARENT, HeaderValue::try_from(context.traceparent())),
            (REQUEST_ID, HeaderValue::from_str(context.request_id())),
        ] {
            if let Ok(value) = value {
                head.headers.insert(name, value);
            }
        }
    }
    // They hold the router's state, of which the service has no use.
    head.extensions = http::Extensions::new();
}

fn passed_back<G: Send + 'static>(
    answer: http::Response<Incoming>,
    route: &Route,
    guard: G,
) -> Response {
    let (mut head, body) = answer.into_parts();
    headers::answer(&mut head.headers);
    Response::from_parts(head, body::outgoing(body, route.timeout, guard))
}

/// Reads a page of an upstream's own.
///
/// # Errors
/// When there is no whole answer within `timeout`.
pub(crate) async fn get(
    upstream: &Upstream,
    path: &str,
    timeout: Duration,
) -> anyhow::Result<(StatusCode, Bytes)> {
    let member: InFlight = upstream.pick(None)?;
    let uri = uri(member.member(), Some(path.parse()?));
    let request = http::Request::get(uri).body(Body::empty())?;
    tokio::time::timeout(timeout, async {
        let answer = upstream.client().request(request).await?;
        let status = answer.status();
        let body = Limited::new(answer.into_body(), ANSWER_LIMIT)
            .collect()
            .await
            .map_err(anyhow::Error::from_boxed)?;
        Ok((status, body.to_bytes()))
    })
    .await
    .context("no answer in time")?
}

/// What the client has done wrong, if that is why the request failed.
fn clients_fault(error: &(dyn StdError + 'static), route: &Route) -> Option<Error> {
    if is_caused_by::<LengthLimitError>(error) {
        Some(too_large(route))
    } else if is_caused_by::<TimeoutError>(error) {
        Some(too_slow())
    } else if is_caused_by::<axum::Error>(error) {
        Some(Error::bad_request("the request's body broke off"))
    } else {
        None
    }
}

fn is_caused_by<E: StdError + 'static>(error: &(dyn StdError + 'static)) -> bool {
    error.is::<E>() || error.source().is_some_and(is_caused_by::<E>)
}

fn too_large(route: &Route) -> Error {
    Error::new(
        Code::PayloadTooLarge,
        "payload-too-large",
        format!("the body is longer than {} bytes", route.body_limit),
    )
}

fn too_slow() -> Error {
    Error::new(
        Code::RequestTimeout,
        "request-timeout",
        "the request's body came too slowly",
    )
}

fn too_late() -> Error {
    Error::new(
        Code::DeadlineExceeded,
        "deadline-exceeded",
        "the service did not answer in time",
    )
}
