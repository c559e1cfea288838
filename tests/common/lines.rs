use chassis::{config::Secret, testing::TcpProxy};
use easyorder::Configs;

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
        let lines = Self {
            postgres: TcpProxy::in_front_of(configs.order.database_url.expose()).await,
            rabbitmq: TcpProxy::in_front_of(configs.order.amqp.amqp_url.expose()).await,
            inventory: TcpProxy::start(&configs.inventory.grpc_addr.to_string()).await,
            order: TcpProxy::start(&configs.order.grpc_addr.to_string()).await,
        };
        for url in [
            &mut configs.identity.database_url,
            &mut configs.inventory.database_url,
            &mut configs.order.database_url,
            &mut configs.worker.database_url,
        ] {
            *url = Secret::from(lines.postgres.route(url.expose()));
        }
        for amqp in [
            &mut configs.identity.amqp,
            &mut configs.inventory.amqp,
            &mut configs.order.amqp,
            &mut configs.worker.amqp,
            &mut configs.gateway.amqp,
        ] {
            amqp.amqp_url = Secret::from(lines.rabbitmq.route(amqp.amqp_url.expose()));
        }
        let scheme = configs.order.auth.tls.scheme();
        configs.order.inventory_grpc_url = format!("{scheme}://{}", lines.inventory.addr());
        configs.inventory.order_grpc_url = format!("{scheme}://{}", lines.order.addr());
        lines
    }
}
