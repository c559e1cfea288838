//! Open pages are told what happens, as [server-sent events](https://html.spec.whatwg.org/multipage/server-sent-events.html).
//! Each gateway reads the same stream, so an id means the same at all of them, also after a restart.

mod body;
mod frames;
mod hub;
mod limits;
mod public;
mod window;

use std::{collections::VecDeque, sync::Arc, time::Duration};

use axum::response::Response;
use bytes::Bytes;
use chassis::{
    Error, Problem, Result, Service,
    amqp::{Bus, stream::Start},
    auth::{Auth, Claims, NotOwner, NotSignedIn, Permission},
};
use http::HeaderValue;
use http_body_util::{BodyExt as _, Limited};
use proto::topology::GATEWAY_FEED;
use serde::Deserialize;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use body::{Open, respond};
use hub::{Beginning, Hub, LastSeen, Stream};
use limits::{Limits, Permit};
pub(crate) use public::{OrderData, PointsData};
use window::{Bounds, Topic};

/// What is remembered: so long may a client have been away.
const BOUNDS: Bounds = Bounds {
    age: Duration::from_secs(600),
    events: 100_000,
    bytes: 128 << 20,
};
/// The same for a process that starts.
const START: Start = Start::Ago("10m");
/// A stream of what is new waits no longer than this for what is old to have been read.
const LOAD_TIMEOUT: Duration = Duration::from_secs(2);
/// The longest order, in bytes.
const ORDER_LIMIT: usize = 4 * 1024 * 1024;
/// Where a client says what it saw last.
pub(crate) const LAST_EVENT_ID: &str = "last-event-id";

/// See the module's documentation.
pub(crate) struct Feed {
    hub: Arc<Hub>,
    limits: Arc<Limits>,
    auth: Auth,
    stop: CancellationToken,
}

/// Who asks for a stream. The token has been verified; the stream ends when it is not good any more.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asking<'a> {
    pub(crate) claims: &'a Claims,
    pub(crate) token: &'a str,
    pub(crate) last_event_id: Option<&'a HeaderValue>,
}

impl Asking<'_> {
    fn seen(&self) -> LastSeen {
        match self.last_event_id.map(HeaderValue::as_bytes) {
            None | Some([]) => LastSeen::Nothing,
            Some(id) => str::from_utf8(id)
                .ok()
                .and_then(|id| id.parse().ok())
                .map_or(LastSeen::Unknown, LastSeen::Event),
        }
    }
}

/// Seeing everybody's orders, which order-svc decides.
struct OrdersManage;

impl Permission for OrdersManage {
    const NAME: &'static str = "orders:manage";
}

impl Feed {
    /// Reads as long as the service runs, and has `most` streams open at once. The service is ready also while it cannot read.
    pub(crate) fn new(service: &Service, bus: Arc<Bus>, auth: Auth, most: usize) -> Self {
        let hub = Arc::new(Hub::new(BOUNDS));
        service.read(GATEWAY_FEED, START, bus, hub.clone());
        Self {
            hub,
            limits: Arc::new(Limits::new(most)),
            auth,
            stop: service.stopping(),
        }
    }

    fn respond(
        &self,
        asking: Asking<'_>,
        stream: Stream,
        permit: Permit,
        first: First,
    ) -> Response {
        let mut pending = VecDeque::from([frames::RETRY]);
        pending.extend(first.frames);
        let known = stream.opened_at.filter(|_| first.ahead.is_none());
        pending.extend(known.map(frames::position));
        respond(Open {
            stream,
            pending,
            ahead: first.ahead,
            version: first.version,
            over: false,
            auth: self.auth.clone(),
            token: asking.token.to_owned(),
            stop: self.stop.clone(),
            _permit: permit,
        })
    }
}

/// What a stream begins with.
#[derive(Default)]
struct First {
    frames: Vec<Bytes>,
    ahead: Option<u64>,
    version: Option<i64>,
}

/// What happens to your orders and points
///
/// Server-sent events: the `event` is the event's type (`order.*.v1`, `incentive.*.v1`), the `data` a CloudEvent whose `data` is
/// an `OrderEventData` or a `PointsEventData`. Send the last `id` as `Last-Event-ID` to get what was missed and then what comes;
/// without it the stream begins now. `reset` says that something may be missing: load what you show anew. The stream ends with its
/// token.
#[utoipa::path(get, path = "/v1/me/events", tag = "events", security(("bearer" = [])),
    params(("Last-Event-ID" = Option<String>, Header, description = "The `id` that came last")),
    responses(
        (status = 200, description = "Events, until the client or the service ends it", body = String, content_type = "text/event-stream",
            example = "event: order.confirmed.v1\nid: 1742\ndata: {\"specversion\":\"1.0\",\"type\":\"order.confirmed.v1\"}\n\n"),
        NotSignedIn,
        (status = 429, description = "`too-many-streams`: 20 of yours are open", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "Too many streams are open; try again", body = Problem, content_type = "application/problem+json")))]
pub(crate) async fn of_customer(feed: &Feed, asking: Asking<'_>) -> Result<Response> {
    let customer = asking.claims.sub;
    let permit = feed.limits.take(customer)?;
    let seen = asking.seen();
    if seen == LastSeen::Nothing {
        let _ = tokio::time::timeout(LOAD_TIMEOUT, feed.hub.loaded()).await;
    }
    let (stream, beginning) = feed.hub.open(Topic::Customer(customer), seen);
    let mut first = First::default();
    match beginning {
        Beginning::Live => {}
        Beginning::Resumed(missed) => {
            first.frames = missed.iter().map(|entry| entry.frame.clone()).collect();
        }
        Beginning::Ahead(offset) => first.ahead = Some(offset),
        Beginning::Lost => first.frames.push(frames::RESET),
    }
    Ok(feed.respond(asking, stream, permit, first))
}

/// As much of an order as a stream needs.
#[derive(Deserialize)]
struct Snapshot {
    version: i64,
}

/// What happens to an order
///
/// Server-sent events, as of `GET /v1/me/events`, but of one order: yours, or with `orders:manage` anybody's. Without
/// `Last-Event-ID` it begins with `order.snapshot`, whose `data` is the order as `GET /v1/orders/{id}` shows
/// it; only what is newer follows.
#[utoipa::path(get, path = "/v1/orders/{id}/events", tag = "events", security(("bearer" = [])),
    params(
        ("id" = Uuid, Path, description = "The order's id"),
        ("Last-Event-ID" = Option<String>, Header, description = "The `id` that came last")),
    responses(
        (status = 200, description = "Events, until the client or the service ends it", body = String, content_type = "text/event-stream",
            example = "event: order.confirmed.v1\nid: 1742\ndata: {\"specversion\":\"1.0\",\"type\":\"order.confirmed.v1\"}\n\n"),
        NotOwner<OrdersManage>,
        (status = 429, description = "`too-many-streams`: 20 of yours are open", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The order was placed a moment ago, or too many streams are open; try again", body = Problem, content_type = "application/problem+json")))]
pub(crate) async fn of_order<F: Future<Output = Result<Response>>>(
    feed: &Feed,
    asking: Asking<'_>,
    order: Uuid,
    // The answer to `GET /v1/orders/{id}` with the same token: whoever gets it may see what happens to the order.
    fetch: F,
) -> Result<Response> {
    let permit = feed.limits.take(asking.claims.sub)?;
    // First, so that nothing falls between the order and what follows.
    let (stream, beginning) = feed.hub.open(Topic::Order(order), asking.seen());
    let answer = fetch.await?;
    if !answer.status().is_success() {
        return Ok(answer);
    }
    let mut first = First::default();
    match beginning {
        Beginning::Resumed(missed) => {
            first.frames = missed.iter().map(|entry| entry.frame.clone()).collect();
        }
        Beginning::Ahead(offset) => first.ahead = Some(offset),
        Beginning::Live | Beginning::Lost => {
            if matches!(beginning, Beginning::Lost) {
                first.frames.push(frames::RESET);
            }
            let order = Limited::new(answer.into_body(), ORDER_LIMIT)
                .collect()
                .await
                .map_err(|error| Error::unavailable(anyhow::Error::from_boxed(error)))?
                .to_bytes();
            let Snapshot { version } = serde_json::from_slice(&order)?;
            let order = String::from_utf8_lossy(&order);
            first
                .frames
                .push(frames::event(None, "order.snapshot", &order));
            // What was read before, but is not in the order yet.
            let newer = stream.recent.iter();
            let newer = newer.filter(|entry| entry.version > Some(version));
            first.frames.extend(newer.map(|entry| entry.frame.clone()));
            first.version = Some(version);
        }
    }
    Ok(feed.respond(asking, stream, permit, first))
}
