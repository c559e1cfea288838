//! What the gateway reads from the environment.

use std::{net::SocketAddr, str::FromStr, time::Duration};

use anyhow::{Context as _, ensure};
use chassis::client_address::TrustedProxies;
use http::{
    Uri,
    uri::{Authority, PathAndQuery, Scheme},
};

/// The gateway's configuration.
#[derive(clap::Parser, Clone, Debug)]
#[command(name = "gateway")]
pub struct Config {
    /// Where the gateway listens
    #[arg(
        long,
        env = "GATEWAY_HTTP_ADDR",
        default_value = "127.0.0.1:8080",
        value_name = "GATEWAY_HTTP_ADDR"
    )]
    pub http_addr: SocketAddr,
    /// The longest request body that is passed on, in bytes
    #[arg(long, env = "GATEWAY_BODY_LIMIT_BYTES", default_value_t = 2 * 1024 * 1024, value_name = "GATEWAY_BODY_LIMIT_BYTES")]
    pub body_limit_bytes: usize,
    /// Proxies before the gateway whose X-Forwarded-For tells where a request comes from: networks or addresses, separated
    /// by commas; by default there is none
    #[arg(
        long,
        env = "GATEWAY_TRUSTED_PROXIES",
        default_value = "",
        value_name = "GATEWAY_TRUSTED_PROXIES"
    )]
    pub trusted_proxies: TrustedProxies,
    /// How long a service may take to begin its answer, and to go on with it, in seconds
    #[arg(long, env = "GATEWAY_TIMEOUT_SECONDS", default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..), value_name = "GATEWAY_TIMEOUT_SECONDS")]
    pub timeout_seconds: u64,
    /// How many streams of events may be open at once; each needs a file descriptor (`ulimit -n`)
    #[arg(
        long,
        env = "GATEWAY_EVENT_STREAMS",
        default_value_t = 5_000,
        value_name = "GATEWAY_EVENT_STREAMS"
    )]
    pub event_streams: usize,
    /// Where identity-svc answers REST calls
    #[arg(
        long,
        env = "IDENTITY_HTTP_URL",
        default_value = "http://127.0.0.1:8081",
        value_name = "IDENTITY_HTTP_URL"
    )]
    pub identity_http_url: Origin,
    /// Where inventory-svc answers REST calls
    #[arg(
        long,
        env = "INVENTORY_HTTP_URL",
        default_value = "http://127.0.0.1:8082",
        value_name = "INVENTORY_HTTP_URL"
    )]
    pub inventory_http_url: Origin,
    /// Where order-svc answers REST calls
    #[arg(
        long,
        env = "ORDER_HTTP_URL",
        default_value = "http://127.0.0.1:8083",
        value_name = "ORDER_HTTP_URL"
    )]
    pub order_http_url: Origin,
    /// Where worker answers REST calls
    #[arg(
        long,
        env = "WORKER_HTTP_URL",
        default_value = "http://127.0.0.1:8084",
        value_name = "WORKER_HTTP_URL"
    )]
    pub worker_http_url: Origin,
    #[command(flatten)]
    pub auth: chassis::auth::Config,
    #[command(flatten)]
    pub amqp: chassis::amqp::Config,
}

impl Config {
    pub(crate) fn timeout(&self) -> Duration {
        Duration::from_secs(self.timeout_seconds)
    }
}

/// `http://host:port`, and nothing after it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin(Authority);

impl Origin {
    /// The address of `path` here; without a copy of either.
    pub(crate) fn join(&self, path: PathAndQuery) -> Uri {
        let mut parts = http::uri::Parts::default();
        parts.scheme = Some(Scheme::HTTP);
        parts.authority = Some(self.0.clone());
        parts.path_and_query = Some(path);
        // All three parts are present, which is all that is asked of them.
        Uri::from_parts(parts).unwrap_or_default()
    }
}

impl std::fmt::Display for Origin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "http://{}", self.0)
    }
}

impl FromStr for Origin {
    type Err = anyhow::Error;

    fn from_str(value: &str) -> anyhow::Result<Self> {
        let parts = value.parse::<Uri>().context("not a URL")?.into_parts();
        ensure!(
            parts.scheme == Some(Scheme::HTTP),
            "it must begin with http://"
        );
        ensure!(
            parts.path_and_query.is_none_or(|path| path == "/"),
            "it must not have a path"
        );
        let authority = parts.authority.context("it names no host")?;
        ensure!(
            !authority.as_str().contains('@'),
            "it must not have a user name"
        );
        Ok(Self(authority))
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;

    #[test]
    fn a_bad_value_names_its_variable() {
        for (option, value) in [
            ("--http-addr", "nowhere"),
            ("--body-limit-bytes", "-1"),
            ("--timeout-seconds", "0"),
            ("--order-http-url", "ftp://host"),
        ] {
            let refused =
                Config::try_parse_from(["gateway", &format!("{option}={value}")]).unwrap_err();
            let variable = option
                .trim_start_matches("--")
                .replace('-', "_")
                .to_uppercase();
            assert!(refused.to_string().contains(&variable), "{refused}");
        }
    }

    #[test]
    fn an_origin_is_a_scheme_a_host_and_a_port() {
        for bad in [
            "",
            "127.0.0.1:8081",
            "https://host",
            "http://",
            "http://host/path",
            "http://user@host",
        ] {
            assert!(bad.parse::<Origin>().is_err(), "{bad}");
        }
        let origin: Origin = "http://host:1/".parse().unwrap();
        assert_eq!(origin.to_string(), "http://host:1");
        assert_eq!(
            origin.join(PathAndQuery::from_static("/a?b=c")),
            "http://host:1/a?b=c"
        );
    }
}
