//! All services in one process.

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail};
use chassis::{Service, config, postgres, tls};

use crate::client::Api;

/// However long the services take, the process ends within this time.
const STOP: Duration = Duration::from_secs(60);

/// The configuration of each service. What one says of where another is found does not count here: it follows from
/// where that one listens.
#[derive(Debug, Clone)]
pub struct Configs {
    pub identity: identity_svc::Config,
    pub inventory: inventory_svc::Config,
    pub order: order_svc::Config,
    pub worker: worker::Config,
    pub gateway: gateway::Config,
}

impl Configs {
    /// Reads all of them from the environment.
    ///
    /// # Errors
    /// When a variable has a bad value; the error names it.
    pub fn from_env() -> anyhow::Result<Self> {
        Ok(Self {
            identity: config::from_env()?,
            inventory: config::from_env()?,
            order: config::from_env()?,
            worker: config::from_env()?,
            gateway: config::from_env()?,
        })
    }

    /// Creates the databases that are missing. On one machine nobody else does.
    ///
    /// # Errors
    /// When the server is away or the role may not create databases.
    pub async fn create_databases(&self) -> anyhow::Result<()> {
        for (variable, url) in [
            ("IDENTITY_DATABASE_URL", &self.identity.database_url),
            ("INVENTORY_DATABASE_URL", &self.inventory.database_url),
            ("ORDER_DATABASE_URL", &self.order.database_url),
            ("WORKER_DATABASE_URL", &self.worker.database_url),
        ] {
            postgres::create_database_if_missing(url)
                .await
                .context(variable)?;
        }
        Ok(())
    }

    /// Brings all databases up to date.
    ///
    /// # Errors
    /// When a database cannot be used or a migration fails.
    pub async fn migrate(&self) -> anyhow::Result<()> {
        identity_svc::migrate(&self.identity)
            .await
            .context("identity-svc")?;
        inventory_svc::migrate(&self.inventory)
            .await
            .context("inventory-svc")?;
        order_svc::migrate(&self.order).await.context("order-svc")?;
        worker::migrate(&self.worker).await.context("worker")
    }

    /// Tells each service where the others listen.
    ///
    /// # Errors
    /// Never, as long as an address makes a URL.
    pub fn wire(&mut self) -> anyhow::Result<()> {
        let identity_http = url(self.identity.http_addr);
        let identity_grpc = grpc_url(self.identity.grpc_addr, &self.identity.tls);
        for auth in [
            &mut self.inventory.auth,
            &mut self.order.auth,
            &mut self.worker.auth,
            &mut self.gateway.auth,
        ] {
            auth.identity_grpc_url.clone_from(&identity_grpc);
        }
        let inventory_grpc = grpc_url(self.inventory.grpc_addr, &self.inventory.auth.tls);
        let order_grpc = grpc_url(self.order.grpc_addr, &self.order.auth.tls);

        self.inventory.order_grpc_url.clone_from(&order_grpc);

        self.order.inventory_grpc_url.clone_from(&inventory_grpc);

        self.worker.inventory_grpc_url = inventory_grpc;
        self.worker.order_grpc_url = order_grpc;

        if self.worker.public_url.is_none() {
            self.worker.public_url = Some(url(self.gateway.http_addr).parse()?);
        }

        self.gateway.identity_http_url = identity_http.parse()?;
        self.gateway.inventory_http_url = url(self.inventory.http_addr).parse()?;
        self.gateway.order_http_url = url(self.order.http_addr).parse()?;
        self.gateway.worker_http_url = url(self.worker.http_addr).parse()?;
        Ok(())
    }
}

/// How this machine reaches what listens at `addr`.
pub fn url(addr: SocketAddr) -> String {
    url_of("http", addr)
}

/// The same, of a gRPC interface.
pub fn grpc_url(addr: SocketAddr, tls: &tls::Config) -> String {
    url_of(tls.scheme(), addr)
}

fn url_of(scheme: &str, addr: SocketAddr) -> String {
    match addr {
        SocketAddr::V4(v4) if v4.ip().is_unspecified() => {
            format!("{scheme}://127.0.0.1:{}", v4.port())
        }
        SocketAddr::V6(v6) if v6.ip().is_unspecified() => format!("{scheme}://[::1]:{}", v6.port()),
        addr => format!("{scheme}://{addr}"),
    }
}

/// The running services, until [`System::stop`].
pub struct System {
    /// Where the gateway answers.
    pub gateway_url: String,
    /// In the order in which they stop.
    services: Vec<Service>,
}

impl System {
    /// Starts all services; each brings its database up to date. Those databases must exist, see
    /// [`Configs::create_databases`].
    ///
    /// # Errors
    /// When one of them does not start; then the others are stopped.
    pub async fn start(mut configs: Configs) -> anyhow::Result<Self> {
        configs.wire()?;
        Self::start_wired(configs).await
    }

    /// The same, but the services reach each other where their configurations say: by way of a proxy, for example.
    ///
    /// # Errors
    /// As [`System::start`].
    pub async fn start_wired(configs: Configs) -> anyhow::Result<Self> {
        let mut system = Self {
            gateway_url: url(configs.gateway.http_addr),
            services: Vec::new(),
        };
        match system.start_all(configs).await {
            Ok(()) => Ok(system),
            Err(error) => {
                system.stop().await;
                Err(error)
            }
        }
    }

    async fn start_all(&mut self, configs: Configs) -> anyhow::Result<()> {
        // At once, since none asks another before it serves.
        let (order, inventory, identity, worker) = tokio::join!(
            order_svc::start(configs.order),
            inventory_svc::start(configs.inventory),
            identity_svc::start(configs.identity),
            worker::start(configs.worker),
        );
        let started = [
            order.context("order-svc"),
            inventory.context("inventory-svc"),
            identity.context("identity-svc"),
            worker.context("worker"),
        ];
        let mut failure = None;
        for service in started {
            match service {
                // Callers before callees, as they stop.
                Ok(service) => self.services.push(service),
                Err(error) => failure = failure.or(Some(error)),
            }
        }
        if let Some(error) = failure {
            return Err(error);
        }
        // The door, when there is something behind it.
        let gateway = gateway::start(configs.gateway).await.context("gateway")?;
        self.services.insert(0, gateway);
        Ok(())
    }

    /// Waits until every part is ready: migrations done, queues there, consumers alive.
    ///
    /// # Errors
    /// When that takes longer than `patience`; names the parts that are not.
    pub async fn ready(&self, patience: Duration) -> anyhow::Result<()> {
        let started = Instant::now();
        // Asked directly: the gateway remembers an answer for a while.
        loop {
            let missing = self.missing();
            if missing.is_empty() {
                break;
            }
            if started.elapsed() > patience {
                bail!("not ready: {}", missing.join(", "));
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let answer = Api::new(&self.gateway_url, patience)?
            .get("/health/ready")
            .send()
            .await;
        answer
            .map(drop)
            .context("not every part of the system is ready")
    }

    /// What a service waits for, or has lost.
    fn missing(&self) -> Vec<String> {
        self.services
            .iter()
            .flat_map(|service| {
                let report = service.health().report().into_iter();
                report.filter_map(|(part, holds)| {
                    (!holds).then(|| format!("{} ({part})", service.name()))
                })
            })
            .collect()
    }

    /// Stops: the gateway takes no more requests and ends those in flight, then order-svc, inventory-svc,
    /// identity-svc and worker do. Takes a minute at most.
    pub async fn stop(self) {
        let all = async {
            for service in self.services {
                service.stop().await;
            }
        };
        if tokio::time::timeout(STOP, all).await.is_err() {
            tracing::warn!("stopped, but not every service had ended");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_that_means_any_is_reached_at_this_machine() {
        let url = |addr: &str| url(addr.parse().unwrap());
        assert_eq!(url("127.0.0.1:8080"), "http://127.0.0.1:8080");
        assert_eq!(url("0.0.0.0:8080"), "http://127.0.0.1:8080");
        assert_eq!(url("[::]:8080"), "http://[::1]:8080");
        assert_eq!(url("192.0.2.1:80"), "http://192.0.2.1:80");
    }

    #[test]
    fn addresses_of_others_follow_from_where_they_listen() {
        let mut configs = Configs::from_env().unwrap();
        configs.identity.http_addr = "127.0.0.1:1".parse().unwrap();
        configs.identity.grpc_addr = "127.0.0.1:2".parse().unwrap();
        configs.inventory.http_addr = "127.0.0.1:3".parse().unwrap();
        configs.inventory.grpc_addr = "127.0.0.1:4".parse().unwrap();
        configs.order.http_addr = "127.0.0.1:5".parse().unwrap();
        configs.order.grpc_addr = "127.0.0.1:6".parse().unwrap();
        configs.worker.http_addr = "127.0.0.1:7".parse().unwrap();
        configs.gateway.http_addr = "127.0.0.1:8".parse().unwrap();
        configs.wire().unwrap();
        // Whatever names another service names it by its new port, and no default is left.
        let text = format!("{configs:?}");
        assert!(!text.contains("http://127.0.0.1:80"), "{text}");
        assert!(!text.contains("http://127.0.0.1:50"), "{text}");
        assert_eq!(
            configs.gateway.order_http_url.to_string(),
            "http://127.0.0.1:5"
        );
        assert_eq!(configs.inventory.order_grpc_url, "http://127.0.0.1:6");
    }

    #[test]
    fn what_is_called_by_tls_follows_from_who_serves_it() {
        let mut configs = Configs::from_env().unwrap();
        configs.order.auth.tls.grpc_tls_cert = Some("order-svc.pem".into());
        configs.order.grpc_addr = "0.0.0.0:6".parse().unwrap();
        configs.wire().unwrap();
        assert_eq!(configs.worker.order_grpc_url, "https://127.0.0.1:6");
        assert!(configs.worker.inventory_grpc_url.starts_with("http://"));
        assert!(configs.order.auth.identity_grpc_url.starts_with("http://"));
    }
}
