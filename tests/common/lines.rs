use std::str::FromStr as _;

use chassis::{config::Secret, testing::TcpProxy};
use easyorder::Configs;
use reqwest::Url;
use sqlx::{ConnectOptions as _, postgres::PgConnectOptions};

/// The lines on which a shop's services reach each other and their servers, each through a proxy that can fail.
pub struct Lines {
    /// From every service to its database.
    pub postgres: TcpProxy,
    /// From every service to RabbitMQ.
    pub rabbitmq: TcpProxy,
    /// From order-svc to inventory-svc.
    pub inventory: TcpProxy,
    /// From inventory-svc to order-svc.
    pub order: TcpProxy,
}

impl Lines {
    /// Puts the proxies in between.
    pub(super) async fn lay(configs: &mut Configs) -> Self {
        let database = options(&configs.order.database_url);
        let postgres = format!("{}:{}", database.get_host(), database.get_port());
        let broker = broker(&configs.order.amqp.amqp_url);
        let rabbitmq = format!(
            "{}:{}",
            broker.host_str().expect("a host"),
            broker.port().unwrap_or(5672)
        );
        let lines = Self {
            postgres: TcpProxy::start(&postgres).await,
            rabbitmq: TcpProxy::start(&rabbitmq).await,
            inventory: TcpProxy::start(&configs.inventory.grpc_addr.to_string()).await,
            order: TcpProxy::start(&configs.order.grpc_addr.to_string()).await,
        };
        for url in [
            &mut configs.identity.database_url,
            &mut configs.inventory.database_url,
            &mut configs.order.database_url,
            &mut configs.worker.database_url,
        ] {
            let proxied = options(url)
                .host("127.0.0.1")
                .port(lines.postgres.addr().port());
            *url = Secret::from(proxied.to_url_lossy().to_string());
        }
        for amqp in [
            &mut configs.identity.amqp,
            &mut configs.inventory.amqp,
            &mut configs.order.amqp,
            &mut configs.worker.amqp,
        ] {
            let mut proxied = broker.clone();
            proxied.set_host(Some("127.0.0.1")).expect("a host");
            proxied
                .set_port(Some(lines.rabbitmq.addr().port()))
                .expect("a port");
            amqp.amqp_url = Secret::from(proxied.to_string());
        }
        configs.order.inventory_grpc_url = format!("http://{}", lines.inventory.addr());
        configs.inventory.order_grpc_url = format!("http://{}", lines.order.addr());
        lines
    }
}

fn options(url: &Secret) -> PgConnectOptions {
    PgConnectOptions::from_str(url.expose()).expect("a database's address")
}

fn broker(url: &Secret) -> Url {
    Url::parse(url.expose()).expect("RabbitMQ's address")
}
