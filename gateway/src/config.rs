//! What the gateway reads from the environment; where calls go is in its file, see [`crate::routing`].

use std::{net::SocketAddr, path::PathBuf, str::FromStr};

use anyhow::{Context as _, ensure};
use chassis::{client_address::TrustedProxies, config::Secret};
use http::{Uri, uri::Authority, uri::Scheme};

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
    /// The file that says where calls go and on which terms; read again when it changes. Without it gateway/gateway.toml
    /// holds, as it was when the gateway was built
    #[arg(long, env = "GATEWAY_CONFIG", value_name = "GATEWAY_CONFIG")]
    pub gateway_config: Option<PathBuf>,
    /// Proxies before the gateway whose X-Forwarded-For tells where a request comes from: networks or addresses, separated
    /// by commas; by default there is none
    #[arg(
        long,
        env = "GATEWAY_TRUSTED_PROXIES",
        default_value = "",
        value_name = "GATEWAY_TRUSTED_PROXIES"
    )]
    pub trusted_proxies: TrustedProxies,
    /// Redis, where replicas count together what callers ask for: redis://HOST:PORT/DATABASE. Without it each counts alone
    #[arg(
        long,
        env = "GATEWAY_REDIS_URL",
        value_name = "GATEWAY_REDIS_URL",
        hide_env_values = true
    )]
    pub redis_url: Option<Secret>,
    /// `off`: nobody is refused for asking too often, for load tests
    #[arg(
        long,
        env = "RATE_LIMITS",
        default_value = "on",
        value_enum,
        value_name = "RATE_LIMITS"
    )]
    pub rate_limits: RateLimits,
    /// How many streams of events may be open at once; each needs a file descriptor (`ulimit -n`)
    #[arg(
        long,
        env = "GATEWAY_EVENT_STREAMS",
        default_value_t = 5_000,
        value_name = "GATEWAY_EVENT_STREAMS"
    )]
    pub event_streams: usize,
    /// Where identity-svc answers REST calls; several addresses are separated by commas
    #[arg(
        long,
        env = "IDENTITY_HTTP_URL",
        default_value = "http://127.0.0.1:8081",
        value_name = "IDENTITY_HTTP_URL"
    )]
    pub identity_http_url: Origins,
    /// Where inventory-svc answers REST calls; several addresses are separated by commas
    #[arg(
        long,
        env = "INVENTORY_HTTP_URL",
        default_value = "http://127.0.0.1:8082",
        value_name = "INVENTORY_HTTP_URL"
    )]
    pub inventory_http_url: Origins,
    /// Where order-svc answers REST calls; several addresses are separated by commas
    #[arg(
        long,
        env = "ORDER_HTTP_URL",
        default_value = "http://127.0.0.1:8083",
        value_name = "ORDER_HTTP_URL"
    )]
    pub order_http_url: Origins,
    /// Where worker answers REST calls; several addresses are separated by commas
    #[arg(
        long,
        env = "WORKER_HTTP_URL",
        default_value = "http://127.0.0.1:8084",
        value_name = "WORKER_HTTP_URL"
    )]
    pub worker_http_url: Origins,
    #[command(flatten)]
    pub auth: chassis::auth::Config,
    #[command(flatten)]
    pub amqp: chassis::amqp::Config,
}

/// Whether callers are refused who ask too often.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum RateLimits {
    On,
    Off,
}

impl Config {
    /// What a variable says that the gateway's file refers to.
    pub(crate) fn origins(&self, variable: &str) -> anyhow::Result<Origins> {
        match variable {
            "IDENTITY_HTTP_URL" => Ok(self.identity_http_url.clone()),
            "INVENTORY_HTTP_URL" => Ok(self.inventory_http_url.clone()),
            "ORDER_HTTP_URL" => Ok(self.order_http_url.clone()),
            "WORKER_HTTP_URL" => Ok(self.worker_http_url.clone()),
            other => std::env::var(other)
                .with_context(|| format!("the variable {other} is not set"))?
                .parse()
                .with_context(|| format!("the variable {other}")),
        }
    }
}

/// `http://host:port`, and nothing after it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin(Authority);

impl Origin {
    pub(crate) fn host(&self) -> &str {
        self.0.host().trim_matches(['[', ']'])
    }

    pub(crate) fn port(&self) -> u16 {
        self.0.port_u16().unwrap_or(80)
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

/// One or more, separated by commas.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origins(pub Vec<Origin>);

impl FromStr for Origins {
    type Err = anyhow::Error;

    fn from_str(value: &str) -> anyhow::Result<Self> {
        value
            .split(',')
            .map(|origin| origin.trim().parse())
            .collect::<anyhow::Result<_>>()
            .map(Self)
    }
}

impl std::fmt::Display for Origins {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (index, origin) in self.0.iter().enumerate() {
            let comma = if index == 0 { "" } else { "," };
            write!(f, "{comma}{origin}")?;
        }
        Ok(())
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
            ("--rate-limits", "sometimes"),
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
            "http://a,",
        ] {
            assert!(bad.parse::<Origins>().is_err(), "{bad}");
        }
        let origins: Origins = "http://host:1/, http://[::1]".parse().unwrap();
        assert_eq!(origins.to_string(), "http://host:1,http://[::1]");
        assert_eq!((origins.0[1].host(), origins.0[1].port()), ("::1", 80));
    }
}
