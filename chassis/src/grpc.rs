//! Calls to other services.

use std::time::Duration;

use anyhow::Context as _;
use tonic::transport::{Channel, Endpoint};

use crate::trace::{REQUEST_ID, TRACEPARENT, TraceContext};

/// Who the call is made for, as metadata; for the log of the service that is called.
pub const CALLER: &str = "x-caller";

/// A connection to the service at `url`, made at the first call and again whenever it is lost.
///
/// # Errors
/// When `url` is malformed.
pub fn channel(url: &str) -> anyhow::Result<Channel> {
    let endpoint = Endpoint::from_shared(url.to_owned())
        .with_context(|| format!("`{url}` is no address"))?
        .connect_timeout(Duration::from_secs(2))
        .tcp_nodelay(true)
        // A peer that vanished without a word is noticed, and the connection made anew.
        .http2_keep_alive_interval(Duration::from_secs(10))
        .keep_alive_timeout(Duration::from_secs(5))
        .keep_alive_while_idle(true);
    Ok(endpoint.connect_lazy())
}

/// A request that is given up after `deadline`, at both ends, and that belongs to the trace of the task at hand.
pub fn request<T>(message: T, deadline: Duration) -> tonic::Request<T> {
    let mut request = tonic::Request::new(message);
    request.set_timeout(deadline);
    if let Some(context) = TraceContext::current() {
        let metadata = request.metadata_mut();
        if let Ok(value) = context.traceparent().parse() {
            metadata.insert(TRACEPARENT, value);
        }
        if let Ok(value) = context.request_id().parse() {
            metadata.insert(REQUEST_ID, value);
        }
        if let Some(Ok(value)) = context.caller().map(|caller| caller.to_string().parse()) {
            metadata.insert(CALLER, value);
        }
    }
    request
}
