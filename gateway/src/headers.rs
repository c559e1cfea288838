//! What a proxy removes from and adds to the headers of a message.

use std::net::IpAddr;

use http::{
    HeaderMap, HeaderName, HeaderValue, Version,
    header::{
        CONNECTION, EXPECT, FORWARDED, HOST, PROXY_AUTHENTICATE, PROXY_AUTHORIZATION, SERVER, TE,
        TRANSFER_ENCODING, UPGRADE,
    },
    request,
};

use chassis::client_address::X_FORWARDED_FOR;

const KEEP_ALIVE: HeaderName = HeaderName::from_static("keep-alive");
const PROXY_CONNECTION: HeaderName = HeaderName::from_static("proxy-connection");
const X_REAL_IP: HeaderName = HeaderName::from_static("x-real-ip");
const X_FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// Headers that belong to one connection ([RFC 9110, 7.6.1](https://www.rfc-editor.org/rfc/rfc9110#section-7.6.1)).
const HOP_BY_HOP: [HeaderName; 8] = [
    CONNECTION,
    KEEP_ALIVE,
    PROXY_AUTHENTICATE,
    PROXY_AUTHORIZATION,
    PROXY_CONNECTION,
    TE,
    TRANSFER_ENCODING,
    UPGRADE,
];

/// Prefixes of headers that services believe, so that a client must not be able to send them.
const INTERNAL: [&str; 2] = ["x-forwarded-", "x-caller"];

/// Turns the head of a request from a client into that of the request to a service.
pub(crate) fn forward(request: &mut request::Parts, client: Option<IpAddr>) {
    // A client of HTTP/2 names the host in the URI.
    let host = request
        .headers
        .remove(HOST)
        .or_else(|| HeaderValue::from_str(request.uri.authority()?.as_str()).ok());
    let headers = &mut request.headers;
    remove_hop_by_hop(headers);
    // Our own server has told the client to go on.
    headers.remove(EXPECT);
    headers.remove(FORWARDED);
    headers.remove(X_REAL_IP);
    remove_internal(headers);
    let client = client.map(|client| HeaderValue::from_str(&client.to_string()));
    if let Some(Ok(value)) = client {
        headers.insert(X_FORWARDED_FOR, value);
    }
    headers.insert(X_FORWARDED_PROTO, HeaderValue::from_static("http"));
    if let Some(host) = host {
        headers.insert(X_FORWARDED_HOST, host);
    }
    request.version = Version::HTTP_11;
}

/// Removes from a service's answer what is not meant for the client.
pub(crate) fn answer(headers: &mut HeaderMap) {
    remove_hop_by_hop(headers);
    headers.remove(SERVER);
}

fn remove_hop_by_hop(headers: &mut HeaderMap) {
    if headers.contains_key(CONNECTION) {
        let named: Vec<HeaderName> = headers
            .get_all(CONNECTION)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(','))
            .filter_map(|name| name.trim().parse().ok())
            .collect();
        for name in named {
            headers.remove(name);
        }
    }
    for name in &HOP_BY_HOP {
        headers.remove(name);
    }
}

fn remove_internal(headers: &mut HeaderMap) {
    let is_internal = |name: &&HeaderName| {
        INTERNAL
            .iter()
            .any(|prefix| name.as_str().starts_with(prefix))
    };
    // Seldom any: an honest client pays one look at each name.
    while let Some(name) = headers.keys().find(is_internal).cloned() {
        headers.remove(name);
    }
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    fn forwarded(headers: &[(&str, &str)]) -> HeaderMap {
        let mut request = Request::builder().uri("/v1/me");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let (mut head, ()) = request.body(()).unwrap().into_parts();
        forward(&mut head, Some(IpAddr::from([192, 0, 2, 7])));
        head.headers
    }

    fn names(headers: &HeaderMap) -> Vec<&str> {
        let mut names: Vec<_> = headers.keys().map(HeaderName::as_str).collect();
        names.sort_unstable();
        names
    }

    #[test]
    fn hop_by_hop_headers_end_here() {
        let headers = forwarded(&[
            ("connection", "keep-alive, X-Only-Here"),
            ("connection", "x-here-too"),
            ("keep-alive", "timeout=5"),
            ("x-only-here", "1"),
            ("x-here-too", "1"),
            ("proxy-connection", "close"),
            ("proxy-authorization", "Basic eDp5"),
            ("te", "trailers"),
            ("transfer-encoding", "chunked"),
            ("upgrade", "websocket"),
            ("expect", "100-continue"),
            ("accept", "text/html"),
        ]);
        assert_eq!(
            names(&headers),
            ["accept", "x-forwarded-for", "x-forwarded-proto"]
        );
    }

    #[test]
    fn a_client_cannot_claim_to_be_forwarded_or_somebody_else() {
        let headers = forwarded(&[
            ("host", "shop.example"),
            ("forwarded", "for=203.0.113.9"),
            ("x-forwarded-for", "203.0.113.9"),
            ("x-forwarded-for", "203.0.113.10"),
            ("x-forwarded-port", "1"),
            ("x-real-ip", "203.0.113.9"),
            ("x-caller", "admin"),
            ("x-caller-id", "admin"),
            // Naming ours as hop-by-hop must not remove it, either.
            ("connection", "x-forwarded-for"),
        ]);
        assert_eq!(
            names(&headers),
            ["x-forwarded-for", "x-forwarded-host", "x-forwarded-proto"]
        );
        assert_eq!(headers["x-forwarded-for"], "192.0.2.7");
        assert_eq!(headers["x-forwarded-host"], "shop.example");
        assert_eq!(headers["x-forwarded-proto"], "http");
    }

    #[test]
    fn an_answer_keeps_what_is_the_clients() {
        let mut headers = HeaderMap::new();
        for name in [
            "connection",
            "keep-alive",
            "transfer-encoding",
            "server",
            "etag",
            "x-request-id",
        ] {
            headers.insert(name, HeaderValue::from_static("x"));
        }
        answer(&mut headers);
        assert_eq!(names(&headers), ["etag", "x-request-id"]);
    }
}
