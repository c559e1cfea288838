//! Calls to other services.

mod channel;
mod peers;

use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use http::{Uri, uri::Scheme};
use tonic::transport::{self, Endpoint};

pub use self::{channel::Channel, peers::Peers};
use crate::{
    tls::Tls,
    trace::{REQUEST_ID, TRACEPARENT, TraceContext},
};

/// Who the call is made for, as metadata; for the log of the service that is called.
pub const CALLER: &str = "x-caller";
/// How long the caller will wait.
pub(crate) const TIMEOUT: &str = "grpc-timeout";

/// A connection to the service at `url`, made at the first call and again whenever it is lost.
/// With TLS it speaks nothing else.
fn connect(url: &str, tls: Option<&Tls>) -> anyhow::Result<transport::Channel> {
    let uri: Uri = url
        .parse()
        .with_context(|| format!("`{url}` is no address"))?;
    match (uri.scheme() == Some(&Scheme::HTTPS), tls) {
        (false, None) => Ok(endpoint(uri).connect_lazy()),
        (true, Some(tls)) => tls.channel(endpoint, uri),
        (true, None) => bail!("`{url}` needs TLS, but GRPC_TLS_CERT is not set"),
        (false, Some(_)) => bail!("GRPC_TLS_CERT is set: `{url}` must begin with https://"),
    }
}

fn endpoint(uri: Uri) -> Endpoint {
    Endpoint::from(uri)
        .connect_timeout(Duration::from_secs(2))
        .tcp_nodelay(true)
        // A peer that vanished without a word is noticed, and the connection made anew.
        .http2_keep_alive_interval(Duration::from_secs(10))
        .keep_alive_timeout(Duration::from_secs(5))
        .keep_alive_while_idle(true)
}

/// A request that is given up after `deadline`, at both ends, or earlier, if whoever caused it waits no longer; it belongs to
/// the trace of the task at hand.
pub fn request<T>(message: T, deadline: Duration) -> tonic::Request<T> {
    let mut request = tonic::Request::new(message);
    let context = TraceContext::current();
    let left = context.as_ref().and_then(TraceContext::time_left);
    request.set_timeout(left.map_or(deadline, |left| left.min(deadline)));
    if let Some(context) = context {
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

/// When the caller stops waiting, if it said so
/// ([`grpc-timeout`](https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md)). tonic answers for us at that time,
/// but what has been queued for later does not know.
#[must_use]
pub fn deadline<T>(request: &tonic::Request<T>) -> Option<Instant> {
    let timeout = request.metadata().get(TIMEOUT)?.to_str().ok()?;
    Instant::now().checked_add(parse_timeout(timeout)?)
}

/// At most eight digits and a unit.
pub(crate) fn parse_timeout(text: &str) -> Option<Duration> {
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    if digits.len() > 8 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let value: u64 = digits.parse().ok()?;
    Some(match unit {
        "H" => Duration::from_secs(value * 3_600),
        "M" => Duration::from_secs(value * 60),
        "S" => Duration::from_secs(value),
        "m" => Duration::from_millis(value),
        "u" => Duration::from_micros(value),
        "n" => Duration::from_nanos(value),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timeout_is_read_as_the_protocol_writes_it() {
        for (text, expected) in [
            ("5S", Some(Duration::from_secs(5))),
            ("1H", Some(Duration::from_secs(3_600))),
            ("250m", Some(Duration::from_millis(250))),
            ("99999999u", Some(Duration::from_micros(99_999_999))),
            ("999999999u", None),
            ("S", None),
            ("", None),
            ("-1S", None),
            ("5x", None),
            ("5é", None),
        ] {
            assert_eq!(parse_timeout(text), expected, "{text:?}");
        }
    }

    #[test]
    fn our_own_requests_say_when_they_give_up() {
        let request = request((), Duration::from_secs(5));
        let left = deadline(&request).unwrap() - Instant::now();
        assert!(
            left > Duration::from_secs(4) && left <= Duration::from_secs(5),
            "{left:?}"
        );
        assert_eq!(deadline(&tonic::Request::new(())), None);
    }

    #[tokio::test]
    async fn who_is_asked_is_given_no_longer_than_whoever_waits_for_it_all() {
        let wait = |time| TraceContext::from_headers(None, None).within(Some(time));
        let left =
            async || deadline(&request((), Duration::from_secs(5))).unwrap() - Instant::now();
        let short = wait(Duration::from_secs(2)).scope(left()).await;
        assert!(short <= Duration::from_secs(2), "{short:?}");
        let long = wait(Duration::from_secs(20)).scope(left()).await;
        assert!(long > Duration::from_secs(4), "{long:?}");
    }
}
