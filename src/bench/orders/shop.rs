//! The shop under test: each service in a process of its own, on databases of its own.

use std::{net::SocketAddr, time::Duration};

use anyhow::Context as _;
use chassis::config::Secret;
use tempfile::TempDir;
use uuid::Uuid;

use super::NAMESPACE;
use crate::{
    bench::{
        cpu::Part,
        database::{Scratch, Server as Postgres},
        server::{Server, Service, free_addrs},
        stock,
    },
    client::{Account, Api},
    system::{Configs, url},
};

/// Each database of the shop; the floor's is another.
const IDENTITY: &str = "easyorder_bench_orders_identity";
const INVENTORY: &str = "easyorder_bench_orders_inventory";
const ORDER: &str = "easyorder_bench_orders_order";
const WORKER: &str = "easyorder_bench_orders_worker";
pub const DATABASES: [&str; 4] = [IDENTITY, INVENTORY, ORDER, WORKER];

/// Whoever signs in must have an answer by then.
const PATIENCE: Duration = Duration::from_secs(60);
/// No token expires during a benchmark. A day is the longest that there is.
const TOKEN_SECONDS: u32 = 86_400;
/// More clients than that share accounts: each takes two password hashes to set up.
const MOST_CUSTOMERS: usize = 32;

/// What stays while the services come and go.
pub struct Shop {
    pub identity: Scratch,
    pub inventory: Scratch,
    pub order: Scratch,
    pub worker: Scratch,
    mails: TempDir,
}

impl Shop {
    /// Databases with so many products, and nobody to serve them yet.
    pub async fn build(
        postgres: &mut Postgres,
        configs: &Configs,
        skus: usize,
    ) -> anyhow::Result<Self> {
        let shop = Self {
            identity: postgres.scratch(IDENTITY).await?,
            inventory: postgres.scratch(INVENTORY).await?,
            order: postgres.scratch(ORDER).await?,
            worker: postgres.scratch(WORKER).await?,
            mails: tempfile::tempdir()?,
        };
        // The others do so when they start; here products are to be put in before.
        inventory_svc::migrate(&inventory_svc::Config {
            database_url: shop.inventory.url.clone(),
            ..configs.inventory.clone()
        })
        .await?;
        stock::fill(&shop.inventory.pool, skus).await?;
        Ok(shop)
    }

    pub fn databases(&self) -> [&Scratch; 4] {
        [&self.identity, &self.inventory, &self.order, &self.worker]
    }

    /// Starts the services and waits until all are ready.
    pub async fn open(&self) -> anyhow::Result<Open> {
        let addrs = Addrs::free()?;
        let variables = self.variables(&addrs);
        let start = |service, http| Server::start(service, http, &variables);
        let mut servers = [
            start(Service::Gateway, addrs.gateway)?,
            start(Service::OrderSvc, addrs.order_http)?,
            start(Service::InventorySvc, addrs.inventory_http)?,
            start(Service::IdentitySvc, addrs.identity_http)?,
            start(Service::Worker, addrs.worker)?,
        ];
        futures::future::try_join_all(servers.iter_mut().map(Server::ready)).await?;
        Ok(Open {
            gateway_url: url(addrs.gateway),
            servers,
        })
    }

    /// All services get all of them, and read what they need.
    fn variables(&self, addrs: &Addrs) -> Vec<(&'static str, String)> {
        let database = |database: &Scratch| database.url.expose().to_owned();
        vec![
            ("GATEWAY_HTTP_ADDR", addrs.gateway.to_string()),
            ("ORDER_HTTP_ADDR", addrs.order_http.to_string()),
            ("ORDER_GRPC_ADDR", addrs.order_grpc.to_string()),
            ("INVENTORY_HTTP_ADDR", addrs.inventory_http.to_string()),
            ("INVENTORY_GRPC_ADDR", addrs.inventory_grpc.to_string()),
            ("IDENTITY_HTTP_ADDR", addrs.identity_http.to_string()),
            ("IDENTITY_GRPC_ADDR", addrs.identity_grpc.to_string()),
            ("WORKER_HTTP_ADDR", addrs.worker.to_string()),
            ("ORDER_HTTP_URL", url(addrs.order_http)),
            ("ORDER_GRPC_URL", url(addrs.order_grpc)),
            ("INVENTORY_HTTP_URL", url(addrs.inventory_http)),
            ("INVENTORY_GRPC_URL", url(addrs.inventory_grpc)),
            ("IDENTITY_HTTP_URL", url(addrs.identity_http)),
            ("IDENTITY_GRPC_URL", url(addrs.identity_grpc)),
            ("WORKER_HTTP_URL", url(addrs.worker)),
            ("ORDER_DATABASE_URL", database(&self.order)),
            ("INVENTORY_DATABASE_URL", database(&self.inventory)),
            ("IDENTITY_DATABASE_URL", database(&self.identity)),
            ("WORKER_DATABASE_URL", database(&self.worker)),
            ("AMQP_NAMESPACE", NAMESPACE.to_owned()),
            ("MAIL_DIR", self.mails.path().display().to_string()),
            ("RATE_LIMITS", "off".to_owned()),
            ("IDENTITY_ACCESS_TOKEN_SECONDS", TOKEN_SECONDS.to_string()),
            ("ADMIN_EMAIL", "admin@bench.example".to_owned()),
            ("ADMIN_PASSWORD", Uuid::new_v4().to_string()),
        ]
    }
}

struct Addrs {
    gateway: SocketAddr,
    order_http: SocketAddr,
    order_grpc: SocketAddr,
    inventory_http: SocketAddr,
    inventory_grpc: SocketAddr,
    identity_http: SocketAddr,
    identity_grpc: SocketAddr,
    worker: SocketAddr,
}

impl Addrs {
    fn free() -> anyhow::Result<Self> {
        let [
            gateway,
            order_http,
            order_grpc,
            inventory_http,
            inventory_grpc,
            identity_http,
            identity_grpc,
            worker,
        ] = free_addrs()?;
        Ok(Self {
            gateway,
            order_http,
            order_grpc,
            inventory_http,
            inventory_grpc,
            identity_http,
            identity_grpc,
            worker,
        })
    }
}

/// The services while they run.
pub struct Open {
    pub gateway_url: String,
    /// Callers before callees, as they stop.
    servers: [Server; 5],
}

impl Open {
    /// New customers for so many clients, by their access tokens.
    pub async fn customers(&self, clients: usize) -> anyhow::Result<Vec<Secret>> {
        let api = Api::new(&self.gateway_url, PATIENCE)?;
        let signing_up = (1..=clients.min(MOST_CUSTOMERS)).map(|number| {
            let api = &api;
            async move {
                let account = Account::new(
                    format!("customer-{number}@bench.example"),
                    format!("Customer {number}"),
                    Uuid::new_v4().to_string().into(),
                );
                account.register(api).await?;
                account.token(api).await
            }
        });
        futures::future::try_join_all(signing_up)
            .await
            .context("setting up customers")
    }

    /// Whose processor time is spent by which process.
    pub fn processes(&self) -> [(Part, u32); 5] {
        self.servers.each_ref().map(Server::process)
    }

    pub async fn close(self) {
        for server in self.servers {
            server.stop().await;
        }
    }
}
