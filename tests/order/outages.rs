//! Outages of PostgreSQL and RabbitMQ, and restarts, while customers order.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use chassis::testing::{Line, postgres_url};
use sqlx::{ConnectOptions as _, postgres::PgConnectOptions};
use tokio::{task::JoinSet, time::sleep};
use uuid::Uuid;

use crate::common::{
    Client, Shop,
    broker::{Subscriber, dead_letters},
    until,
};

#[tokio::test(flavor = "multi_thread")]
async fn postgresql_that_cannot_be_reached_for_a_while() {
    let (mut shop, lines) = Shop::open_on_lines(|configs| configs.order.hold_ttl_seconds = 2).await;
    let load = Load::on(&shop).await;
    load.goes_on().await;

    lines.postgres.set(Line::Cut);
    until("the gateway is not ready", async || {
        readiness(&shop).await == 503
    })
    .await;
    load.is_refused().await;
    lines.postgres.set(Line::Up);

    load.goes_on().await;
    until("the gateway is ready", async || {
        readiness(&shop).await == 200
    })
    .await;
    load.end(&mut shop).await;
    shop.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn postgresql_that_ends_every_session_again_and_again() {
    let mut shop = Shop::open_with(|configs| configs.order.hold_ttl_seconds = 2).await;
    let load = Load::on(&shop).await;
    let databases = &shop.databases;
    let mut names = Vec::new();
    for database in [
        &databases.identity,
        &databases.inventory,
        &databases.order,
        &databases.worker,
    ] {
        let name: String = sqlx::query_scalar("select current_database()")
            .fetch_one(&database.pool)
            .await
            .unwrap();
        names.push(name);
    }
    let options: PgConnectOptions = postgres_url().parse().unwrap();
    let mut server = options.connect().await.unwrap();
    for _ in 0..6 {
        load.goes_on().await;
        sqlx::query(
            "select pg_terminate_backend(pid) from pg_stat_activity where datname = any($1)",
        )
        .bind(&names)
        .execute(&mut server)
        .await
        .unwrap();
    }

    load.goes_on().await;
    until("the gateway is ready", async || {
        readiness(&shop).await == 200
    })
    .await;
    load.end(&mut shop).await;
    shop.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rabbitmq_that_is_away_for_a_while_stops_no_order() {
    let (mut shop, lines) = Shop::open_on_lines(|_| {}).await;
    let subscriber = Subscriber::open(&shop, "order.created.v1").await;
    let load = Load::on(&shop).await;
    load.goes_on().await;

    lines.rabbitmq.set(Line::Cut);
    until("the gateway is not ready", async || {
        readiness(&shop).await == 503
    })
    .await;
    for _ in 0..5 {
        load.goes_on().await;
    }
    assert_eq!(load.refused(), 0);
    lines.rabbitmq.set(Line::Up);

    until("the gateway is ready", async || {
        readiness(&shop).await == 200
    })
    .await;
    load.goes_on().await;
    let placed = load.end(&mut shop).await;
    // Each order is told of; what was published when the line broke may come twice, but by one id.
    let mut told: HashMap<String, Vec<String>> = HashMap::new();
    subscriber
        .wait_for("all events", |all| all.len() >= placed.len())
        .await;
    for message in subscriber.received() {
        let event = message.event();
        let ids = told
            .entry(event["subject"].as_str().unwrap().to_owned())
            .or_default();
        ids.push(event["id"].as_str().unwrap().to_owned());
    }
    for id in placed {
        let mut ids = told.remove(&id.to_string()).expect("an event");
        ids.dedup();
        assert_eq!(ids.len(), 1);
    }
    shop.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_loses_no_order() {
    let mut shop = Shop::open_with(|configs| configs.order.hold_ttl_seconds = 2).await;
    let load = Load::on(&shop).await;
    for _ in 0..2 {
        load.goes_on().await;
        shop.stop().await;
        shop.start().await;
    }
    load.goes_on().await;
    load.end(&mut shop).await;
    shop.close().await;
}

/// Customers who order without a pause. Each sends a request again until it is answered 201.
struct Load {
    state: Arc<State>,
    customers: JoinSet<()>,
}

#[derive(Default)]
struct State {
    placed: Mutex<Vec<Uuid>>,
    refused: AtomicUsize,
    done: AtomicBool,
}

impl Load {
    const CUSTOMERS: usize = 6;

    async fn on(shop: &Shop) -> Self {
        let admin = shop.admin().await;
        for sku in ["A", "B"] {
            shop.product(&admin, sku, 100, 1_000_000).await;
        }
        let state = Arc::new(State::default());
        let mut customers = JoinSet::new();
        for _ in 0..Self::CUSTOMERS {
            let buyer = shop.customer().await;
            customers.spawn(order_on_and_on(buyer, state.clone()));
        }
        Self { state, customers }
    }

    fn placed(&self) -> usize {
        self.state.placed.lock().unwrap().len()
    }

    fn refused(&self) -> usize {
        self.state.refused.load(Ordering::Relaxed)
    }

    /// Waits until each customer could have placed some more orders.
    async fn goes_on(&self) {
        let placed = self.placed();
        until("orders are placed", async || {
            self.placed() >= placed + 3 * Self::CUSTOMERS
        })
        .await;
    }

    /// Waits until orders are answered that they cannot be placed now.
    async fn is_refused(&self) {
        let refused = self.refused();
        until("orders are refused", async || {
            self.refused() >= refused + Self::CUSTOMERS
        })
        .await;
    }

    /// Ends, and checks that each order that was acknowledged exists, and no other does.
    async fn end(mut self, shop: &mut Shop) -> Vec<Uuid> {
        self.state.done.store(true, Ordering::Relaxed);
        while let Some(customer) = self.customers.join_next().await {
            customer.expect("a customer who got nothing but 201 and 503");
        }
        shop.check_invariants().await;
        assert_eq!(dead_letters(shop).await, 0);
        let mut placed = self.state.placed.lock().unwrap().clone();
        placed.sort_unstable();
        let written: Vec<Uuid> = sqlx::query_scalar("select id from orders order by id")
            .fetch_all(shop.order())
            .await
            .unwrap();
        assert_eq!(placed, written);
        placed
    }
}

async fn order_on_and_on(buyer: Client, state: Arc<State>) {
    let lines = [[("A", 1), ("B", 2)], [("B", 1), ("A", 2)]];
    for n in 0.. {
        if state.done.load(Ordering::Relaxed) {
            return;
        }
        // To the end, or nobody would know whether the order exists.
        loop {
            let Some(answer) = buyer.try_order(&n.to_string(), &lines[n % 2]).await else {
                // The gateway itself is being restarted.
                sleep(Duration::from_millis(50)).await;
                continue;
            };
            if answer.status == 503 {
                assert_eq!(answer.header("retry-after"), Some("1"));
                state.refused.fetch_add(1, Ordering::Relaxed);
                sleep(Duration::from_millis(100)).await;
                continue;
            }
            let order = answer.expect(201);
            let id = order["id"].as_str().unwrap().parse().unwrap();
            state.placed.lock().unwrap().push(id);
            break;
        }
    }
}

async fn readiness(shop: &Shop) -> u16 {
    shop.visitor().get("/health/ready").await.status.as_u16()
}
