use std::{net::SocketAddr, str::FromStr, time::Duration};

use anyhow::{Context as _, ensure};
use chassis::{amqp, config::Secret};
use http::Uri;

use crate::{jobs::Keep, mail, queue::Timing};

#[derive(clap::Parser, Clone, Debug)]
pub struct Config {
    /// Where the worker serves HTTP
    #[arg(
        long,
        env = "WORKER_HTTP_ADDR",
        value_name = "WORKER_HTTP_ADDR",
        default_value = "127.0.0.1:8084"
    )]
    pub http_addr: SocketAddr,

    /// The worker's database
    #[arg(
        long,
        env = "WORKER_DATABASE_URL",
        value_name = "WORKER_DATABASE_URL",
        default_value = "postgres://postgres@127.0.0.1:5432/easyorder_worker",
        hide_env_values = true
    )]
    pub database_url: Secret,

    /// Connections to it, at most
    #[arg(
        long,
        env = "WORKER_DATABASE_POOL",
        value_name = "WORKER_DATABASE_POOL",
        default_value_t = 8,
        value_parser = clap::value_parser!(u32).range(3..)
    )]
    pub database_pool: u32,

    /// How an idle worker looks for jobs: every so many milliseconds
    #[arg(
        long,
        env = "WORKER_POLL_MILLIS",
        value_name = "WORKER_POLL_MILLIS",
        default_value_t = 500,
        value_parser = clap::value_parser!(u64).range(10..)
    )]
    pub poll_millis: u64,

    /// Seconds between a worker's heartbeats
    #[arg(
        long,
        env = "WORKER_HEARTBEAT_SECONDS",
        value_name = "WORKER_HEARTBEAT_SECONDS",
        default_value_t = 5,
        value_parser = clap::value_parser!(u64).range(1..)
    )]
    pub heartbeat_seconds: u64,

    /// After so many missed heartbeats other workers take a worker's jobs
    #[arg(
        long,
        env = "WORKER_MISSED_HEARTBEATS",
        value_name = "WORKER_MISSED_HEARTBEATS",
        default_value_t = 3,
        value_parser = clap::value_parser!(u32).range(2..)
    )]
    pub missed_heartbeats: u32,

    /// Hours that published events are kept in every service's outbox
    #[arg(
        long,
        env = "KEEP_OUTBOX_HOURS",
        value_name = "KEEP_OUTBOX_HOURS",
        default_value_t = 24
    )]
    pub keep_outbox_hours: u32,

    /// Days that the ids of received events are kept in every service's inbox
    #[arg(
        long,
        env = "KEEP_INBOX_DAYS",
        value_name = "KEEP_INBOX_DAYS",
        default_value_t = 7
    )]
    pub keep_inbox_days: u32,

    /// Days that finished jobs are kept
    #[arg(
        long,
        env = "KEEP_JOBS_DAYS",
        value_name = "KEEP_JOBS_DAYS",
        default_value_t = 7
    )]
    pub keep_jobs_days: u32,

    /// Days that logged errors are kept
    #[arg(
        long,
        env = "KEEP_ERRORS_DAYS",
        value_name = "KEEP_ERRORS_DAYS",
        default_value_t = 30
    )]
    pub keep_errors_days: u32,

    /// Days after which access tokens are signed with a new key; 0: never
    #[arg(
        long,
        env = "KEY_ROTATION_DAYS",
        value_name = "KEY_ROTATION_DAYS",
        default_value_t = 30
    )]
    pub key_rotation_days: u16,

    /// How others reach inventory-svc by gRPC
    #[arg(
        long,
        env = "INVENTORY_GRPC_URL",
        value_name = "INVENTORY_GRPC_URL",
        default_value = "http://127.0.0.1:50052"
    )]
    pub inventory_grpc_url: String,

    /// How others reach order-svc by gRPC
    #[arg(
        long,
        env = "ORDER_GRPC_URL",
        value_name = "ORDER_GRPC_URL",
        default_value = "http://127.0.0.1:50053"
    )]
    pub order_grpc_url: String,

    /// How people reach the system, for links in mails, for example https://shop.example; by default it is
    /// http://127.0.0.1:8080 or, with all services in one process, where the gateway listens
    #[arg(long, env = "PUBLIC_URL", value_name = "PUBLIC_URL")]
    pub public_url: Option<PublicUrl>,

    #[command(flatten)]
    pub mail: mail::Config,

    #[command(flatten)]
    pub auth: chassis::auth::Config,
    #[command(flatten)]
    pub amqp: amqp::Config,
}

impl Config {
    pub(crate) fn timing(&self) -> Timing {
        Timing {
            poll: Duration::from_millis(self.poll_millis),
            heartbeat: Duration::from_secs(self.heartbeat_seconds),
            missed_heartbeats: self.missed_heartbeats,
        }
    }

    pub(crate) fn public_url(&self) -> PublicUrl {
        let here = || PublicUrl("http://127.0.0.1:8080".to_owned());
        self.public_url.clone().unwrap_or_else(here)
    }

    pub(crate) fn keep(&self) -> Keep {
        let hours = |hours: u32| Duration::from_secs(u64::from(hours) * 3_600);
        let days = |days: u32| Duration::from_secs(u64::from(days) * 86_400);
        Keep {
            outbox: hours(self.keep_outbox_hours),
            inbox: days(self.keep_inbox_days),
            jobs: days(self.keep_jobs_days),
            errors: days(self.keep_errors_days),
        }
    }
}

/// Where the system's pages are found: scheme and host, with a path in front of its own if need be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicUrl(String);

impl PublicUrl {
    /// The address of a page. A token goes behind the `#`, which a browser sends to nobody: no log gets it, and no other
    /// site as a referrer.
    pub(crate) fn link(&self, page: &str, token: &str) -> String {
        let Self(base) = self;
        if token.is_empty() {
            format!("{base}{page}")
        } else {
            format!("{base}{page}#token={token}")
        }
    }
}

impl FromStr for PublicUrl {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> anyhow::Result<Self> {
        let url: Uri = text.parse().context("not a URL")?;
        ensure!(
            matches!(url.scheme_str(), Some("http" | "https")),
            "it must begin with http:// or https://"
        );
        let authority = url.authority().context("it names no host")?.as_str();
        ensure!(
            !authority.contains('@') && url.query().is_none() && !text.contains('#'),
            "it must be an address that pages can be appended to"
        );
        Ok(Self(text.trim_end_matches('/').to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_lead_to_the_public_url() {
        let link = |base: &str, token| base.parse::<PublicUrl>().unwrap().link("/a", token);
        assert_eq!(link("http://127.0.0.1:8080", ""), "http://127.0.0.1:8080/a");
        assert_eq!(
            link("https://shop.example/", "x"),
            "https://shop.example/a#token=x"
        );
        assert_eq!(
            link("https://example.com/shop/", ""),
            "https://example.com/shop/a"
        );
        for bad in [
            "",
            "shop.example",
            "ftp://shop.example",
            "https://user@shop.example",
            "https://shop.example?a=b",
            "https://shop.example/#a",
        ] {
            assert!(bad.parse::<PublicUrl>().is_err(), "{bad}");
        }
    }
}
