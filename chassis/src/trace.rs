//! The context of the request at hand: its id, and its place in a distributed trace
//! ([W3C Trace Context](https://www.w3.org/TR/trace-context/)).

use std::{
    fmt::Write as _,
    sync::{Arc, OnceLock},
    time::{Duration, Instant},
};

use uuid::Uuid;

tokio::task_local! {
    static CURRENT: TraceContext;
}

/// The header, metadata key and event attribute that carries the context.
pub const TRACEPARENT: &str = "traceparent";
/// Carries the request's id.
pub const REQUEST_ID: &str = "x-request-id";
/// Carries how long the caller will wait, in milliseconds.
pub const REQUEST_TIMEOUT: &str = "x-request-timeout-ms";

/// See the module's documentation.
#[derive(Debug, Clone)]
pub struct TraceContext {
    trace_id: [u8; 16],
    span_id: [u8; 8],
    sampled: bool,
    request_id: String,
    /// When the caller stops waiting.
    deadline: Option<Instant>,
    /// Known once the request is authenticated.
    caller: Arc<OnceLock<Uuid>>,
}

impl TraceContext {
    /// The context of a request that arrives with these headers. What is missing or malformed is made anew.
    #[must_use]
    pub fn from_headers(traceparent: Option<&str>, request_id: Option<&str>) -> Self {
        let (trace_id, sampled) = traceparent
            .and_then(parse)
            .unwrap_or_else(|| (rand::random(), true));
        let request_id = request_id
            // It goes into logs: printable, and not without bound.
            .filter(|id| {
                (1..=128).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_graphic())
            })
            .map_or_else(|| Uuid::now_v7().to_string(), ToOwned::to_owned);
        Self {
            trace_id,
            span_id: rand::random(),
            sampled,
            request_id,
            deadline: None,
            caller: Arc::default(),
        }
    }

    /// The same, for a caller who waits for `time` from now; None: nobody knows how long.
    #[must_use]
    pub fn within(mut self, time: Option<Duration>) -> Self {
        self.deadline = time.and_then(|time| Instant::now().checked_add(time));
        self
    }

    /// How long the caller will still wait, if that is known. What is asked of others is to take no longer.
    #[must_use]
    pub fn time_left(&self) -> Option<Duration> {
        Some(self.deadline?.saturating_duration_since(Instant::now()))
    }

    /// The context of the running task, if it serves a request or handles an event.
    #[must_use]
    pub fn current() -> Option<Self> {
        CURRENT.try_with(Clone::clone).ok()
    }

    /// Runs a future in this context.
    pub async fn scope<F: Future>(self, future: F) -> F::Output {
        CURRENT.scope(self, future).await
    }

    /// The same of what is not asynchronous.
    pub fn enter<R>(self, work: impl FnOnce() -> R) -> R {
        CURRENT.sync_scope(self, work)
    }

    /// As the header says it: what follows belongs to this trace, with this service's span as its parent.
    #[must_use]
    pub fn traceparent(&self) -> String {
        format!(
            "00-{}-{}-0{}",
            hex(&self.trace_id),
            hex(&self.span_id),
            u8::from(self.sampled)
        )
    }

    /// 32 hexadecimal digits.
    #[must_use]
    pub fn trace_id(&self) -> String {
        hex(&self.trace_id)
    }

    #[must_use]
    pub fn request_id(&self) -> &str {
        &self.request_id
    }

    /// Who the request comes from, once that is known.
    #[must_use]
    pub fn caller(&self) -> Option<Uuid> {
        self.caller.get().copied()
    }

    /// Notes who the request comes from.
    pub fn set_caller(&self, caller: Uuid) {
        // The first word stands: a request has one caller.
        let _ = self.caller.set(caller);
    }
}

/// The id of the request at hand; a new one outside of a request.
#[must_use]
pub fn request_id() -> String {
    TraceContext::current().map_or_else(|| Uuid::now_v7().to_string(), |context| context.request_id)
}

fn parse(traceparent: &str) -> Option<([u8; 16], bool)> {
    let mut parts = traceparent.split('-');
    let (version, trace, span, flags) =
        (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let well_formed = version.len() == 2
        && version != "ff"
        && (version != "00" || parts.next().is_none())
        && span.len() == 16
        && flags.len() == 2
        && [version, trace, span, flags].iter().all(|part| {
            part.bytes()
                .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
        });
    if !well_formed || trace.len() != 32 || span.bytes().all(|byte| byte == b'0') {
        return None;
    }
    let id = u128::from_str_radix(trace, 16).ok().filter(|id| *id != 0)?;
    let flags = u8::from_str_radix(flags, 16).ok()?;
    Some((id.to_be_bytes(), flags & 1 == 1))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_joins_its_callers_trace_with_a_span_of_its_own() {
        let parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        let context = TraceContext::from_headers(Some(parent), Some("abc"));
        assert_eq!(context.trace_id(), "0af7651916cd43dd8448eb211c80319c");
        assert_eq!(context.request_id(), "abc");
        assert!(context.traceparent().ends_with("-01"));
        assert_ne!(context.traceparent(), parent);
    }

    #[test]
    fn a_malformed_context_starts_a_new_trace() {
        for bad in [
            "",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331",
            "00-00000000000000000000000000000000-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
            "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
            "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-x",
        ] {
            let context = TraceContext::from_headers(Some(bad), Some("line\nbreak"));
            assert!(!bad.to_lowercase().contains(&context.trace_id()), "{bad}");
            assert_ne!(context.request_id(), "line\nbreak");
        }
    }
}
