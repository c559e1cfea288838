use std::{net::SocketAddr, time::Duration};

use chassis::config::Secret;

use crate::loyalty_config::LoyaltyConfig;

/// Environment variables of inventory-svc.
#[derive(clap::Parser, Clone, Debug)]
pub struct Config {
    /// Where the REST interface listens
    #[arg(
        long,
        env = "INVENTORY_HTTP_ADDR",
        value_name = "INVENTORY_HTTP_ADDR",
        default_value = "127.0.0.1:8082"
    )]
    pub http_addr: SocketAddr,
    /// Where the gRPC interface listens
    #[arg(
        long,
        env = "INVENTORY_GRPC_ADDR",
        value_name = "INVENTORY_GRPC_ADDR",
        default_value = "127.0.0.1:50052"
    )]
    pub grpc_addr: SocketAddr,
    /// PostgreSQL database of inventory-svc
    #[arg(
        long,
        env = "INVENTORY_DATABASE_URL",
        value_name = "INVENTORY_DATABASE_URL",
        default_value = "postgres://postgres@127.0.0.1:5432/easyorder_inventory",
        hide_env_values = true
    )]
    pub database_url: Secret,
    /// Connections to PostgreSQL at most
    #[arg(
        long,
        env = "INVENTORY_DATABASE_POOL",
        value_name = "INVENTORY_DATABASE_POOL",
        default_value_t = 12,
        value_parser = clap::value_parser!(u32).range(1..)
    )]
    pub database_pool: u32,
    /// How reservations are written: `batched` (many in one transaction) or `plain` (each in its own)
    #[arg(
        long,
        env = "INVENTORY_RESERVATIONS",
        value_name = "INVENTORY_RESERVATIONS",
        value_enum,
        default_value_t = Reservations::Batched
    )]
    pub reservations: Reservations,
    /// How long a hold may stay undecided at most, in seconds
    #[arg(
        long,
        env = "INVENTORY_MAX_HOLD_TTL_SECONDS",
        value_name = "INVENTORY_MAX_HOLD_TTL_SECONDS",
        default_value_t = 3600,
        value_parser = clap::value_parser!(u64).range(1..)
    )]
    pub max_hold_ttl_seconds: u64,
    /// Where order-svc's gRPC interface is
    #[arg(
        long,
        env = "ORDER_GRPC_URL",
        value_name = "ORDER_GRPC_URL",
        default_value = "http://127.0.0.1:50053"
    )]
    pub order_grpc_url: String,
    #[command(flatten)]
    pub loyalty: LoyaltyConfig,
    #[command(flatten)]
    pub auth: chassis::auth::Config,
    #[command(flatten)]
    pub amqp: chassis::amqp::Config,
}

/// See [`Config::reservations`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Reservations {
    #[default]
    Batched,
    Plain,
}

impl Config {
    pub(crate) fn max_hold_ttl(&self) -> Duration {
        Duration::from_secs(self.max_hold_ttl_seconds)
    }
}
