//! The connections to one upstream.

use std::time::Duration;

use axum::body::Body;
use hyper_util::{
    client::legacy::{self, connect::HttpConnector},
    rt::{TokioExecutor, TokioTimer},
};

/// Shorter than the 10 s after which our services close an idle connection, so that no request meets that closing.
const IDLE_TIMEOUT: Duration = Duration::from_secs(5);

pub(crate) type Client = legacy::Client<HttpConnector, Body>;

pub(crate) fn client(connect_timeout: Duration) -> Client {
    let mut connector = HttpConnector::new();
    connector.set_connect_timeout(Some(connect_timeout));
    connector.set_nodelay(true);
    legacy::Client::builder(TokioExecutor::new())
        .pool_timer(TokioTimer::new())
        .pool_idle_timeout(IDLE_TIMEOUT)
        .build(connector)
}
