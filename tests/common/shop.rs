use std::{net::IpAddr, time::Duration};

use chassis::{
    config::Secret,
    testing::{self, TestDatabase, TestNamespace},
};
use easyorder::{Configs, System};
use serde_json::json;
use sqlx::PgPool;

use super::{Client, Lines, invariants};

pub const ADMIN_EMAIL: &str = "admin@shop.example";
pub const ADMIN_PASSWORD: &str = "a long administrator's password";
pub const SERVICES_SECRET: &str = "what the services of a shop in a test share";
/// Whatever must happen in the end happens within this time, however busy the machine.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// A running shop. Its databases and queues go when the value goes.
pub struct Shop {
    pub url: String,
    pub configs: Configs,
    pub databases: Databases,
    system: Option<System>,
    _namespace: TestNamespace,
}

/// One for each service that has one.
pub struct Databases {
    pub identity: TestDatabase,
    pub inventory: TestDatabase,
    pub order: TestDatabase,
    pub worker: TestDatabase,
}

impl Databases {
    async fn create() -> Self {
        let (identity, inventory, order, worker) = tokio::join!(
            testing::empty_database(),
            testing::empty_database(),
            testing::empty_database(),
            testing::empty_database(),
        );
        Self {
            identity,
            inventory,
            order,
            worker,
        }
    }

    /// All at once; one after the other they take longer.
    fn drop(self) {
        std::thread::scope(|scope| {
            for database in [self.identity, self.inventory, self.order, self.worker] {
                scope.spawn(move || drop(database));
            }
        });
    }
}

impl Shop {
    /// A shop as anybody would run it.
    pub async fn open() -> Self {
        Self::open_with(|_| {}).await
    }

    /// A shop with some settings changed.
    pub async fn open_with(change: impl FnOnce(&mut Configs)) -> Self {
        let (databases, configs) = Self::plan(change).await;
        Self::open_as(databases, configs).await
    }

    /// The same, with its services on lines that can fail.
    pub async fn open_on_lines(change: impl FnOnce(&mut Configs)) -> (Self, Lines) {
        let (databases, mut configs) = Self::plan(change).await;
        let lines = Lines::lay(&mut configs).await;
        (Self::open_as(databases, configs).await, lines)
    }

    async fn plan(change: impl FnOnce(&mut Configs)) -> (Databases, Configs) {
        // So that RUST_LOG shows what a shop does, and its errors reach the bus.
        chassis::telemetry::init();
        let databases = Databases::create().await;
        let mut configs = configs(&databases);
        change(&mut configs);
        configs.wire().expect("addresses that make URLs");
        (databases, configs)
    }

    async fn open_as(databases: Databases, configs: Configs) -> Self {
        let mut shop = Self::closed_as(databases, configs);
        shop.start().await;
        shop
    }

    /// All that a shop needs; its services are for the test to start, in another process for example.
    pub async fn closed() -> Self {
        let (databases, configs) = Self::plan(|_| {}).await;
        Self::closed_as(databases, configs)
    }

    fn closed_as(databases: Databases, configs: Configs) -> Self {
        Self {
            url: format!("http://{}", configs.gateway.http_addr),
            _namespace: TestNamespace(configs.order.amqp.clone()),
            configs,
            databases,
            system: None,
        }
    }

    /// Starts the services; they must not be running.
    pub async fn start(&mut self) {
        let system = System::start_wired(self.configs.clone())
            .await
            .expect("a shop that starts");
        system
            .ready(PATIENCE)
            .await
            .expect("a shop that gets ready");
        self.system = Some(system);
    }

    /// Stops the services in an orderly way; the data stays.
    pub async fn stop(&mut self) {
        if let Some(system) = self.system.take() {
            system.stop().await;
        }
    }

    /// Somebody who is not signed in.
    pub fn visitor(&self) -> Client {
        Client::new(&self.url)
    }

    /// The same, who comes from this address of the machine.
    pub fn visitor_from(&self, address: IpAddr) -> Client {
        Client::from_address(&self.url, Some(address))
    }

    /// A new customer, signed in.
    pub async fn customer(&self) -> Client {
        let email = format!("{}@shop.example", uuid::Uuid::now_v7().simple());
        let password = "a customer's password";
        let visitor = self.visitor();
        let account = json!({"email": email, "password": password, "name": "Customer"});
        visitor.post("/v1/auth/register", account).await.expect(201);
        visitor.signed_in(&email, password).await
    }

    /// The administrator, signed in.
    pub async fn admin(&self) -> Client {
        self.visitor().signed_in(ADMIN_EMAIL, ADMIN_PASSWORD).await
    }

    /// A member of the staff, signed in.
    pub async fn staff(&self, admin: &Client) -> Client {
        let staff = self.customer().await;
        let path = format!("/v1/users/{}/roles", staff.id().await);
        admin
            .put(&path, json!({"roles": ["staff"]}))
            .await
            .expect(200);
        staff
    }

    /// A product with some stock. `price` in pence.
    pub async fn product(&self, admin: &Client, sku: &str, price: i64, stock: i64) {
        let product =
            json!({"sku": sku, "name": sku, "price": {"amount": price, "currency": "GBP"}});
        admin.post("/v1/products", product).await.expect(201);
        if stock > 0 {
            let receipt = json!({"kind": "receipt", "quantity": stock, "reason": "opening stock"});
            admin
                .post(&format!("/v1/products/{sku}/stock-movements"), receipt)
                .await
                .expect(201);
        }
    }

    pub fn inventory(&self) -> &PgPool {
        &self.databases.inventory.pool
    }

    pub fn order(&self) -> &PgPool {
        &self.databases.order.pool
    }

    /// Waits until every event has been published and applied.
    pub async fn settle(&self) {
        invariants::settle(self).await;
    }

    /// Settles, then checks the invariants of the order protocol.
    pub async fn check_invariants(&self) {
        invariants::check(self).await;
    }

    /// Stops the shop and removes what it had.
    pub async fn close(mut self) {
        self.stop().await;
        std::fs::remove_dir_all(&self.configs.worker.mail.mail_dir).ok();
        self.databases.drop();
    }
}

fn configs(databases: &Databases) -> Configs {
    let mut configs = Configs::from_env().expect("configurations with defaults");
    let secrets = chassis::auth::secrets::Config {
        services_secret: Some(Secret::from(SERVICES_SECRET)),
        ..configs.identity.secrets.clone()
    };
    configs.identity.secrets = secrets.clone();
    for auth in [
        &mut configs.inventory.auth,
        &mut configs.order.auth,
        &mut configs.worker.auth,
        &mut configs.gateway.auth,
    ] {
        auth.secrets = secrets.clone();
    }
    let amqp = chassis::amqp::Config {
        amqp_url: Secret::from(testing::amqp_url()),
        amqp_namespace: testing::namespace(),
    };
    configs.identity.http_addr = testing::free_addr();
    configs.identity.grpc_addr = testing::free_addr();
    configs.identity.database_url = databases.identity.url.clone();
    configs.identity.database_pool = 3;
    configs.identity.admin_email = Some(ADMIN_EMAIL.to_owned());
    configs.identity.admin_password = Some(Secret::from(ADMIN_PASSWORD));
    configs.identity.amqp = amqp.clone();

    configs.inventory.http_addr = testing::free_addr();
    configs.inventory.grpc_addr = testing::free_addr();
    configs.inventory.database_url = databases.inventory.url.clone();
    configs.inventory.database_pool = 6;
    configs.inventory.amqp = amqp.clone();

    configs.order.http_addr = testing::free_addr();
    configs.order.grpc_addr = testing::free_addr();
    configs.order.database_url = databases.order.url.clone();
    configs.order.database_pool = 6;
    configs.order.amqp = amqp.clone();

    configs.worker.http_addr = testing::free_addr();
    configs.worker.database_url = databases.worker.url.clone();
    configs.worker.database_pool = 4;
    configs.worker.mail.mail_dir = std::env::temp_dir().join(&amqp.amqp_namespace);
    configs.worker.amqp = amqp.clone();

    configs.gateway.http_addr = testing::free_addr();
    configs.gateway.amqp = amqp;
    configs
}
