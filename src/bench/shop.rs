//! The shop under test: each service in a process of its own, on databases of its own.

use std::{net::SocketAddr, time::Duration};

use anyhow::Context as _;
use chassis::{config::Secret, tls};
use tempfile::TempDir;
use uuid::Uuid;

use super::{
    cpu::Part,
    database::{Scratch, Server as Postgres},
    server::{Server, Service, free_addrs},
};
use crate::{
    client::{Account, Api},
    system::{Configs, grpc_url, url},
};

const ADMIN_EMAIL: &str = "admin@bench.example";

/// Whoever signs in must have an answer by then.
const PATIENCE: Duration = Duration::from_secs(60);
/// No token expires during a benchmark. A day is the longest that there is.
const TOKEN_SECONDS: u32 = 86_400;
/// More clients than that share accounts: each takes two password hashes to set up.
const MOST_CUSTOMERS: usize = 32;

/// What sets a benchmark's shop apart from all others.
#[derive(Debug, Clone, Copy)]
pub struct Names {
    /// Of its exchanges and queues.
    pub namespace: &'static str,
    pub identity: &'static str,
    pub inventory: &'static str,
    pub order: &'static str,
    pub worker: &'static str,
}

impl Names {
    pub fn databases(self) -> [&'static str; 4] {
        [self.identity, self.inventory, self.order, self.worker]
    }
}

/// What stays while the services come and go.
pub struct Shop {
    pub identity: Scratch,
    pub inventory: Scratch,
    pub order: Scratch,
    pub worker: Scratch,
    namespace: &'static str,
    tls: tls::Config,
    admin_password: Secret,
    mails: TempDir,
}

impl Shop {
    /// Empty databases, those of order-svc and inventory-svc with their tables, and nobody to serve them yet.
    pub async fn build(
        postgres: &mut Postgres,
        configs: &Configs,
        names: Names,
    ) -> anyhow::Result<Self> {
        let shop = Self {
            identity: postgres.scratch(names.identity).await?,
            inventory: postgres.scratch(names.inventory).await?,
            order: postgres.scratch(names.order).await?,
            worker: postgres.scratch(names.worker).await?,
            namespace: names.namespace,
            tls: configs.identity.tls.clone(),
            admin_password: Uuid::new_v4().to_string().into(),
            mails: tempfile::tempdir()?,
        };
        // The others do so when they start; here something is to be put in before.
        let configs = shop.configs(configs);
        inventory_svc::migrate(&configs.inventory).await?;
        order_svc::migrate(&configs.order).await?;
        Ok(shop)
    }

    /// These, but with the shop's databases.
    pub fn configs(&self, configs: &Configs) -> Configs {
        let mut configs = configs.clone();
        configs.identity.database_url = self.identity.url.clone();
        configs.inventory.database_url = self.inventory.url.clone();
        configs.order.database_url = self.order.url.clone();
        configs.worker.database_url = self.worker.url.clone();
        configs
    }

    /// Who may do everything.
    pub fn admin(&self) -> Account {
        Account::new(
            ADMIN_EMAIL.to_owned(),
            "Administrator".to_owned(),
            self.admin_password.clone(),
        )
    }

    pub fn databases(&self) -> [&Scratch; 4] {
        [&self.identity, &self.inventory, &self.order, &self.worker]
    }

    /// Starts the services and waits until all are ready.
    pub async fn open(&self) -> anyhow::Result<Open> {
        self.open_on(None, Vec::new()).await
    }

    /// The same on these cores alone, with these variables besides.
    pub async fn open_on(
        &self,
        cores: Option<&str>,
        more: Vec<(&'static str, String)>,
    ) -> anyhow::Result<Open> {
        let addrs = Addrs::free()?;
        let mut variables = self.variables(&addrs);
        variables.extend(more);
        let start = |service, http| Server::start_on(cores, service, http, &variables);
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
            inventory: addrs.inventory_http,
            order_grpc_url: grpc_url(addrs.order_grpc, &self.tls),
            identity_grpc_url: grpc_url(addrs.identity_grpc, &self.tls),
            servers,
            cores: cores.map(str::to_owned),
            variables,
        })
    }

    /// All services get all of them, and read what they need.
    fn variables(&self, addrs: &Addrs) -> Vec<(&'static str, String)> {
        let database = |database: &Scratch| database.url.expose().to_owned();
        let grpc = |addr| grpc_url(addr, &self.tls);
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
            ("ORDER_GRPC_URL", grpc(addrs.order_grpc)),
            ("INVENTORY_HTTP_URL", url(addrs.inventory_http)),
            ("INVENTORY_GRPC_URL", grpc(addrs.inventory_grpc)),
            ("IDENTITY_HTTP_URL", url(addrs.identity_http)),
            ("IDENTITY_GRPC_URL", grpc(addrs.identity_grpc)),
            ("WORKER_HTTP_URL", url(addrs.worker)),
            ("ORDER_DATABASE_URL", database(&self.order)),
            ("INVENTORY_DATABASE_URL", database(&self.inventory)),
            ("IDENTITY_DATABASE_URL", database(&self.identity)),
            ("WORKER_DATABASE_URL", database(&self.worker)),
            ("AMQP_NAMESPACE", self.namespace.to_owned()),
            ("MAIL_DIR", self.mails.path().display().to_string()),
            ("RATE_LIMITS", "off".to_owned()),
            ("IDENTITY_ACCESS_TOKEN_SECONDS", TOKEN_SECONDS.to_string()),
            ("ADMIN_EMAIL", ADMIN_EMAIL.to_owned()),
            ("ADMIN_PASSWORD", self.admin_password.expose().to_owned()),
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
    /// Where inventory-svc answers REST calls.
    pub inventory: SocketAddr,
    pub order_grpc_url: String,
    pub identity_grpc_url: String,
    /// Callers before callees, as they stop.
    servers: [Server; 5],
    cores: Option<String>,
    variables: Vec<(&'static str, String)>,
}

impl Open {
    /// Its gateway.
    pub fn api(&self) -> anyhow::Result<Api> {
        Api::new(&self.gateway_url, PATIENCE)
    }

    /// New customers for so many clients, by their access tokens.
    pub async fn customers(&self, clients: usize) -> anyhow::Result<Vec<Secret>> {
        let api = self.api()?;
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

    /// One more gateway before the same services, with these variables besides, and where it listens.
    pub async fn another_gateway(
        &self,
        more: Vec<(&'static str, String)>,
    ) -> anyhow::Result<(Server, SocketAddr)> {
        let [http] = free_addrs()?;
        let mut variables = self.variables.clone();
        variables.push(("GATEWAY_HTTP_ADDR", http.to_string()));
        variables.extend(more);
        let cores = self.cores.as_deref();
        let mut server = Server::start_on(cores, Service::Gateway, http, &variables)?;
        server.ready().await?;
        Ok((server, http))
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
