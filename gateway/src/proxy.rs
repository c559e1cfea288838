//! Passes a request on to a service and its answer back, both as streams.

use std::{
    error::Error as StdError,
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use anyhow::Context as _;
use axum::{
    body::{Body, HttpBody as _},
    extract::{ConnectInfo, Request},
    response::Response,
};
use bytes::Bytes;
use chassis::{
    Code, Error, Result,
    client_address::TrustedProxies,
    trace::{REQUEST_ID, TRACEPARENT, TraceContext},
};
use http::{HeaderValue, StatusCode, Uri, uri::PathAndQuery};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::{TokioExecutor, TokioTimer},
};
use tower_http::timeout::TimeoutBody;

use crate::{
    config::{Config, Origin},
    headers,
    routes::Upstream,
};

/// A service that does not take a connection within this time is away.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// Shorter than the 10 s after which our services close an idle connection, so that no request meets that closing.
const IDLE_TIMEOUT: Duration = Duration::from_secs(5);
/// The longest answer that the gateway reads itself (a service's OpenAPI document), in bytes.
const ANSWER_LIMIT: usize = 8 * 1024 * 1024;

/// The connections to the services.
#[derive(Debug)]
pub(crate) struct Proxy {
    client: Client<HttpConnector, Limited<Body>>,
    /// By `Upstream as usize`.
    origins: [Origin; Upstream::ALL.len()],
    timeout: Duration,
    body_limit: usize,
    trusted_proxies: TrustedProxies,
}

impl Proxy {
    pub(crate) fn new(config: &Config) -> Self {
        let mut connector = HttpConnector::new();
        connector.set_connect_timeout(Some(CONNECT_TIMEOUT));
        connector.set_nodelay(true);
        Self {
            client: Client::builder(TokioExecutor::new())
                .pool_timer(TokioTimer::new())
                .pool_idle_timeout(IDLE_TIMEOUT)
                .build(connector),
            origins: Upstream::ALL.map(|upstream| {
                match upstream {
                    Upstream::Identity => &config.identity_http_url,
                    Upstream::Inventory => &config.inventory_http_url,
                    Upstream::Order => &config.order_http_url,
                    Upstream::Worker => &config.worker_http_url,
                }
                .clone()
            }),
            timeout: config.timeout(),
            body_limit: config.body_limit_bytes,
            trusted_proxies: config.trusted_proxies.clone(),
        }
    }

    /// Passes a request on, with a body of at most `body_limit` bytes; None: as configured.
    ///
    /// # Errors
    /// `PayloadTooLarge`; `Unavailable` when the service cannot be reached or breaks off; `DeadlineExceeded` when it
    /// does not begin to answer in time. A body that stops coming after that ends the connection.
    pub(crate) async fn forward(
        &self,
        upstream: Upstream,
        body_limit: Option<usize>,
        request: Request,
    ) -> Result<Response> {
        let body_limit = body_limit.unwrap_or(self.body_limit);
        let client = self.client(&request);
        let (mut head, body) = request.into_parts();
        // Known to be too long: nobody needs to read it.
        if body.size_hint().lower() > body_limit as u64 {
            return Err(too_large(body_limit));
        }
        headers::forward(&mut head, client);
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
        head.uri = self.uri(upstream, head.uri.path_and_query().cloned());
        // They hold the router's state, of which the client has no use.
        head.extensions = http::Extensions::new();
        let request = Request::from_parts(head, Limited::new(body, body_limit));

        let answer = tokio::time::timeout(self.timeout, self.client.request(request))
            .await
            .map_err(|_| {
                Error::new(
                    Code::DeadlineExceeded,
                    "deadline-exceeded",
                    "the service did not answer in time",
                )
            })?
            .map_err(|error| {
                if is_caused_by::<LengthLimitError>(&error) {
                    too_large(body_limit)
                } else if is_caused_by::<axum::Error>(&error) {
                    Error::bad_request("the request's body broke off")
                } else {
                    Error::unavailable(anyhow::Error::new(error).context(upstream.name()))
                }
            })?;
        let (mut head, body) = answer.into_parts();
        headers::answer(&mut head.headers);
        Ok(Response::from_parts(
            head,
            Body::new(TimeoutBody::new(self.timeout, body)),
        ))
    }

    /// Where a request comes from, as far as proxies before us may tell.
    pub(crate) fn client(&self, request: &Request) -> Option<IpAddr> {
        let peer = peer(request.extensions())?;
        Some(self.trusted_proxies.client(peer, request.headers()))
    }

    /// Reads a page of a service's own.
    ///
    /// # Errors
    /// When there is no whole answer within `timeout`.
    pub(crate) async fn get(
        &self,
        upstream: Upstream,
        path: &'static str,
        timeout: Duration,
    ) -> anyhow::Result<(StatusCode, Bytes)> {
        let uri = self.uri(upstream, Some(PathAndQuery::from_static(path)));
        let request = http::Request::get(uri).body(Limited::new(Body::empty(), 0))?;
        tokio::time::timeout(timeout, async {
            let answer = self.client.request(request).await?;
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

    fn uri(&self, upstream: Upstream, path: Option<PathAndQuery>) -> Uri {
        let path = path.unwrap_or_else(|| PathAndQuery::from_static("/"));
        self.origins[upstream as usize].join(path)
    }
}

fn too_large(limit: usize) -> Error {
    Error::new(
        Code::PayloadTooLarge,
        "payload-too-large",
        format!("the body is longer than {limit} bytes"),
    )
}

fn peer(extensions: &http::Extensions) -> Option<IpAddr> {
    extensions
        .get::<ConnectInfo<SocketAddr>>()
        .map(|ConnectInfo(address)| address.ip())
}

fn is_caused_by<E: StdError + 'static>(error: &(dyn StdError + 'static)) -> bool {
    error.is::<E>() || error.source().is_some_and(is_caused_by::<E>)
}
