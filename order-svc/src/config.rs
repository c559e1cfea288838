use std::{net::SocketAddr, time::Duration};

use chassis::config::Secret;

/// Environment variables of order-svc.
#[derive(clap::Parser, Clone, Debug)]
pub struct Config {
    /// Where the REST interface listens
    #[arg(
        long,
        env = "ORDER_HTTP_ADDR",
        value_name = "ORDER_HTTP_ADDR",
        default_value = "127.0.0.1:8083"
    )]
    pub http_addr: SocketAddr,
    /// Where the gRPC interface listens
    #[arg(
        long,
        env = "ORDER_GRPC_ADDR",
        value_name = "ORDER_GRPC_ADDR",
        default_value = "127.0.0.1:50053"
    )]
    pub grpc_addr: SocketAddr,
    /// PostgreSQL database of order-svc
    #[arg(
        long,
        env = "ORDER_DATABASE_URL",
        value_name = "ORDER_DATABASE_URL",
        default_value = "postgres://postgres@127.0.0.1:5432/easyorder_order",
        hide_env_values = true
    )]
    pub database_url: Secret,
    /// Connections to PostgreSQL at most
    #[arg(
        long,
        env = "ORDER_DATABASE_POOL",
        value_name = "ORDER_DATABASE_POOL",
        default_value_t = 12,
        value_parser = clap::value_parser!(u32).range(1..)
    )]
    pub database_pool: u32,
    /// How long stock may be held for an order that is not placed yet, in seconds
    #[arg(
        long,
        env = "ORDER_HOLD_TTL_SECONDS",
        value_name = "ORDER_HOLD_TTL_SECONDS",
        default_value_t = 30,
        value_parser = clap::value_parser!(u64).range(1..=3600)
    )]
    pub hold_ttl_seconds: u64,
    /// Where inventory-svc's gRPC interface is
    #[arg(
        long,
        env = "INVENTORY_GRPC_URL",
        value_name = "INVENTORY_GRPC_URL",
        default_value = "http://127.0.0.1:50052"
    )]
    pub inventory_grpc_url: String,
    #[command(flatten)]
    pub auth: chassis::auth::Config,
    #[command(flatten)]
    pub amqp: chassis::amqp::Config,
}

impl Config {
    pub(crate) fn hold_ttl(&self) -> Duration {
        Duration::from_secs(self.hold_ttl_seconds)
    }
}
