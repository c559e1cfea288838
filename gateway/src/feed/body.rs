//! An answer that goes on until its token does not, its client is too slow, or the service stops.

use std::{collections::VecDeque, convert::Infallible, time::Duration};

use axum::{body::Body, response::Response};
use bytes::Bytes;
use chassis::auth::Auth;
use futures::stream;
use http::{HeaderName, HeaderValue, header};
use tokio::{
    sync::mpsc::error::TryRecvError,
    time::{Instant, Interval, MissedTickBehavior, interval_at},
};
use tokio_util::sync::CancellationToken;

use super::{
    frames,
    hub::{Message, Stream},
    limits::Permit,
};

/// A stream that says nothing for longer may be taken for dead by what is between it and its client.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// How often it is looked at whether the token is still good.
const CHECK: Duration = Duration::from_secs(1);
/// An event that the client claims to have seen, and that has not been read here after so long, there is not.
const GIVE_UP: Duration = Duration::from_secs(5);

/// See the module's documentation.
pub(super) struct Open {
    pub(super) stream: Stream,
    /// What is sent first.
    pub(super) pending: VecDeque<Bytes>,
    /// Until this has been read, the client has seen all that is.
    pub(super) ahead: Option<u64>,
    /// The client has seen this version of the order.
    pub(super) version: Option<i64>,
    /// Nothing more is sent.
    pub(super) over: bool,
    pub(super) auth: Auth,
    pub(super) token: String,
    pub(super) stop: CancellationToken,
    pub(super) _permit: Permit,
}

/// The answer.
pub(super) fn respond(open: Open) -> Response {
    let frames = stream::unfold(Running::new(open), async |mut running| {
        let frame = running.next().await?;
        Some((Ok::<_, Infallible>(frame), running))
    });
    let mut response = Response::new(Body::from_stream(frames));
    for (name, value) in [
        (header::CONTENT_TYPE, "text/event-stream"),
        (header::CACHE_CONTROL, "no-store"),
        // nginx would hold events back until it has a buffer full.
        (HeaderName::from_static("x-accel-buffering"), "no"),
    ] {
        let headers = response.headers_mut();
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}

struct Running {
    open: Open,
    opened: Instant,
    check: Interval,
    heartbeat: Interval,
}

impl Running {
    fn new(open: Open) -> Self {
        let every = |period| {
            let mut interval = interval_at(Instant::now() + period, period);
            interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
            interval
        };
        Self {
            open,
            opened: Instant::now(),
            check: every(CHECK),
            heartbeat: every(HEARTBEAT),
        }
    }

    /// What is sent next; None when the stream ends.
    async fn next(&mut self) -> Option<Bytes> {
        loop {
            let open = &mut self.open;
            if open.over {
                return None;
            }
            tokio::select! {
                biased;
                () = open.stop.cancelled() => return None,
                // Before anything is sent: a client may have taken nothing for long.
                _ = self.check.tick() => {
                    open.auth.verify(&open.token).await.ok()?;
                    if self.has_waited_in_vain() {
                        return Some(self.open.reset());
                    }
                }
                () = std::future::ready(()), if !open.pending.is_empty() => return open.pending.pop_front(),
                message = open.stream.messages.recv() => {
                    if let Some(frame) = open.frame(message?) {
                        self.heartbeat.reset();
                        return Some(frame);
                    }
                }
                _ = self.heartbeat.tick() => {
                    // In this order: what was read before and concerns this stream is among the messages by now.
                    let last = open.position();
                    match open.stream.messages.try_recv() {
                        Ok(message) => if let Some(frame) = open.frame(message) {
                            return Some(frame);
                        },
                        Err(TryRecvError::Empty) => return Some(frames::heartbeat(last)),
                        Err(TryRecvError::Disconnected) => return None,
                    }
                }
            }
        }
    }

    fn has_waited_in_vain(&self) -> bool {
        let hub = &self.open.stream.hub;
        self.open.ahead.is_some_and(|ahead| {
            hub.last().is_none_or(|last| last < ahead)
                && self.opened.elapsed() > GIVE_UP
                && hub.reading_for().is_some_and(|time| time > GIVE_UP)
        })
    }
}

impl Open {
    /// The event as it is sent, unless the client has seen it.
    fn frame(&mut self, message: Message) -> Option<Bytes> {
        match message {
            Message::Event(entry) => {
                let seen = self.ahead.is_some_and(|ahead| entry.offset <= ahead)
                    || self.version.is_some_and(|seen| entry.version <= Some(seen));
                (!seen).then(|| entry.frame.clone())
            }
            Message::Reset => Some(self.reset()),
        }
    }

    /// Something may be missing. Of an order that is the end: a new stream shows the whole of it first.
    fn reset(&mut self) -> Bytes {
        self.ahead = None;
        self.over = self.stream.is_of_order();
        frames::RESET
    }

    /// Where a client resumes that has been sent all there is.
    fn position(&self) -> Option<u64> {
        let last = self.stream.hub.last();
        last.filter(|last| self.ahead.is_none_or(|ahead| *last >= ahead))
    }
}

#[cfg(test)]
#[path = "body_tests.rs"]
mod tests;
