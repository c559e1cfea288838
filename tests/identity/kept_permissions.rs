//! Each service keeps what identity-svc has said that somebody may do, but not past the moment when that changes.

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use chassis::testing::Line;
use reqwest::StatusCode;
use serde_json::json;

use crate::common::{Client, Shop, until};

/// A change takes effect within a second; this is for a busy machine. An answer would be kept twice as long.
const SOON: Duration = Duration::from_secs(5);

/// Services that ask identity-svc.
const SERVICES: [&str; 4] = ["gateway", "inventory-svc", "order-svc", "worker"];

/// The values of a metric, by its labels.
async fn metric(shop: &Shop, name: &str) -> Vec<(String, f64)> {
    let url = format!("http://{}", shop.configs.identity.http_addr);
    let metrics = Client::new(&url).get("/metrics").await.expect(200);
    let lines = metrics.as_str().expect("text").lines();
    lines
        .filter_map(|line| {
            line.strip_prefix(name)?
                .strip_prefix('{')?
                .rsplit_once("} ")
        })
        .map(|(labels, value)| (labels.to_owned(), value.parse().expect("a number")))
        .collect()
}

/// How often gRPC calls were made whose path has this in it.
pub async fn calls_of(shop: &Shop, call: &str) -> f64 {
    let requests = metric(shop, "requests_total").await;
    requests
        .iter()
        .filter(|(labels, _)| labels.contains(call))
        .map(|(_, calls)| calls)
        .sum()
}

async fn kept(shop: &Shop) -> f64 {
    let checks = metric(shop, "permission_checks_total").await;
    checks
        .iter()
        .filter(|(labels, _)| labels == r#"outcome="kept""#)
        .map(|(_, checks)| checks)
        .sum()
}

pub async fn all_hear(shop: &Shop) {
    until("every service hears of changes", async || {
        let hearing = metric(shop, "listener_hearing").await;
        let hearing = hearing.iter().filter(|(_, hears)| *hears == 1.0);
        let services: BTreeSet<_> = hearing.map(|(labels, _)| labels.clone()).collect();
        services == SERVICES.map(|name| format!("service=\"{name}\"")).into()
    })
    .await;
}

/// Somebody, and a route of each service that serves only who has a permission: its refusal is the second.
struct Stage {
    admin: Client,
    ann: Client,
    roles: String,
    doors: [(String, StatusCode); 3],
}

impl Stage {
    async fn set(shop: &Shop) -> Self {
        let admin = shop.admin().await;
        shop.product(&admin, "HEART", 255, 10).await;
        let order = shop.customer().await.order("1", &[("HEART", 1)]).await;
        let order = order.expect(201)["id"].as_str().expect("an id").to_owned();
        let order = format!("/v1/orders/{order}");
        until("the order can be seen", async || {
            admin.get(&order).await.status == 200
        })
        .await;
        let ann = shop.customer().await;
        let role = json!({"name": "ops", "permissions": []});
        admin.post("/v1/roles", role).await.expect(201);
        Self {
            roles: format!("/v1/users/{}/roles", ann.id().await),
            admin,
            ann,
            doors: [
                ("/v1/products/HEART/stock".to_owned(), StatusCode::FORBIDDEN),
                // What is another's is not even there.
                (order, StatusCode::NOT_FOUND),
                ("/v1/jobs".to_owned(), StatusCode::FORBIDDEN),
            ],
        }
    }

    async fn give(&self, roles: &[&str]) {
        let body = json!({"roles": roles});
        self.admin.put(&self.roles, body).await.expect(200);
    }

    async fn let_ops(&self, permissions: &[&str]) {
        let body = json!({"permissions": permissions});
        self.admin.put("/v1/roles/ops", body).await.expect(200);
    }

    /// Which doors are open to Ann.
    async fn open(&self) -> [bool; 3] {
        let mut open = [false; 3];
        for (open, (path, refusal)) in open.iter_mut().zip(&self.doors) {
            let status = self.ann.get(path).await.status;
            assert!(status == 200 || status == *refusal, "{path}: {status}");
            *open = status == 200;
        }
        open
    }

    /// Waits until the doors are so, and then stay so.
    async fn soon(&self, what: &str, expected: [bool; 3]) {
        let changed = Instant::now();
        while self.open().await != expected {
            assert!(changed.elapsed() < SOON, "not within {SOON:?}: {what}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        assert_eq!(self.open().await, expected, "{what}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn identity_svc_is_not_asked_for_each_request() {
    let shop = Shop::open().await;
    let stage = Stage::set(&shop).await;
    stage.give(&["staff"]).await;
    stage.soon("staff", [true, true, false]).await;
    all_hear(&shop).await;
    let (asked_before, kept_before) =
        (calls_of(&shop, "/CheckPermission").await, kept(&shop).await);
    for _ in 0..200 {
        stage.ann.get("/v1/products/HEART/stock").await.expect(200);
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let asked = calls_of(&shop, "/CheckPermission").await - asked_before;
    assert!(asked <= 10.0, "asked {asked} times");
    let kept = kept(&shop).await - kept_before;
    assert!(kept >= 190.0, "{kept} answers were kept");
    shop.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_of_roles_is_felt_at_every_service_within_a_second() {
    let shop = Shop::open().await;
    let stage = Stage::set(&shop).await;
    all_hear(&shop).await;
    for _ in 0..2 {
        // What was refused is remembered too.
        assert_eq!(stage.open().await, [false; 3]);
        stage.give(&["staff", "admin"]).await;
        stage.soon("the roles work", [true; 3]).await;
        stage.give(&["customer"]).await;
        stage.soon("the roles work no more", [false; 3]).await;
    }
    shop.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_of_what_a_role_permits_is_felt_at_every_service_within_a_second() {
    let shop = Shop::open().await;
    let stage = Stage::set(&shop).await;
    stage.give(&["ops"]).await;
    all_hear(&shop).await;
    assert_eq!(stage.open().await, [false; 3]);
    stage
        .let_ops(&["stock:manage", "orders:manage", "jobs:manage"])
        .await;
    stage.soon("the role permits it", [true; 3]).await;
    stage.let_ops(&["orders:manage"]).await;
    stage
        .soon("the role permits less", [false, true, false])
        .await;
    stage.let_ops(&[]).await;
    stage.soon("the role permits nothing", [false; 3]).await;
    shop.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_ends_within_a_second_also_when_no_event_can_tell() {
    let (shop, lines) = Shop::open_on_lines(|_| {}).await;
    let stage = Stage::set(&shop).await;
    // Cut off, or without a word from the broker while the connection seems to stand.
    for line in [Line::Cut, Line::RepliesLost] {
        all_hear(&shop).await;
        stage.give(&["staff", "admin"]).await;
        stage.soon("the roles work", [true; 3]).await;

        lines.rabbitmq.set(line);
        stage.give(&["customer"]).await;
        stage.soon("the roles work no more", [false; 3]).await;
        // So it is while RabbitMQ is away, not just when it goes.
        stage.give(&["staff", "admin"]).await;
        stage.soon("the roles work", [true; 3]).await;
        stage.give(&["customer"]).await;
        stage.soon("the roles work no more", [false; 3]).await;
        lines.rabbitmq.outage(Duration::from_millis(200)).await;
    }
    all_hear(&shop).await;
    shop.close().await;
}
