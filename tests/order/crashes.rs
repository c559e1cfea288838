//! The crash table of the order protocol, row by row. Each crash is met in three ways: the client sends the request
//! again at once; nobody does, and the sweeper cleans up; the client comes back after the sweeper.

use std::time::Duration;

use chassis::testing::Line;
use futures::future::join_all;
use serde_json::{Value, json};
use tokio::time::timeout;
use uuid::Uuid;

use crate::common::{
    Client, Lines, Shop,
    broker::{Subscriber, dead_letters},
    faults::fail_once,
    until,
};

/// What a crash leaves behind.
#[derive(Clone, Copy, PartialEq)]
enum Leaves {
    Nothing,
    /// A hold that no order has.
    Hold,
    /// The whole order, of which nobody has told the client.
    Order,
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crash_before_the_stock_is_asked_for() {
    create_fails_at("create-before-reserve", Leaves::Nothing).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crash_of_inventory_before_it_commits_a_hold() {
    create_fails_at("reserve-before-commit", Leaves::Nothing).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crash_of_inventory_after_it_committed_a_hold() {
    create_fails_at("reserve-reply-lost", Leaves::Hold).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crash_between_the_hold_and_the_order() {
    create_fails_at("create-after-reserve", Leaves::Hold).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crash_before_the_order_commits() {
    create_fails_at("place-before-commit", Leaves::Hold).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_whose_outcome_is_unknown() {
    create_fails_at("place-outcome-unknown", Leaves::Order).await;
}

async fn create_fails_at(point: &'static str, leaves: Leaves) {
    let (shop, _lines) = open().await;
    create_fails(&shop, leaves, async |buyer, key, quantity| {
        fail_once(point);
        let failed = buyer.order(key, &[("A", quantity)]).await;
        assert_eq!(failed.header("retry-after"), Some("1"));
        failed.expect_problem(503, "unavailable");
    })
    .await;
    shop.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reply_of_inventory_that_is_lost() {
    let (shop, lines) = open().await;
    create_fails(&shop, Leaves::Hold, async |buyer, key, quantity| {
        lines.inventory.set(Line::RepliesLost);
        let held = holds(&shop).await;
        let ordering = tokio::spawn({
            let (buyer, key) = (buyer.clone(), key.to_owned());
            async move { buyer.order(&key, &[("A", quantity)]).await }
        });
        until("the hold is taken", async || holds(&shop).await > held).await;
        lines.inventory.set(Line::Cut);
        let failed = ordering.await.unwrap();
        assert_eq!(failed.header("retry-after"), Some("1"));
        failed.expect_problem(503, "unavailable");
        lines.inventory.set(Line::Up);
    })
    .await;
    shop.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn inventory_that_is_away() {
    let (shop, lines) = open().await;
    create_fails(&shop, Leaves::Nothing, async |buyer, key, quantity| {
        lines.inventory.set(Line::Cut);
        let failed = buyer.order(key, &[("A", quantity)]).await;
        assert_eq!(failed.header("retry-after"), Some("1"));
        failed.expect_problem(503, "unavailable");
        lines.inventory.set(Line::Up);
    })
    .await;
    shop.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_that_hang_up_before_the_answer() {
    let (shop, _lines) = open().await;
    let admin = shop.admin().await;
    shop.product(&admin, "A", 100, 100).await;
    let buyer = shop.customer().await;

    // Some before the request arrives, some while it is worked on, some after the answer.
    let patience = |n: u64| Duration::from_millis(n * n / 4);
    join_all((0..40).map(|n| {
        let buyer = buyer.clone();
        async move {
            let key = n.to_string();
            timeout(patience(n), buyer.order(&key, &[("A", 1)]))
                .await
                .ok();
        }
    }))
    .await;
    for n in 0..40 {
        let answer = buyer.order_in_the_end(&n.to_string(), &[("A", 1)]).await;
        answer.expect(201);
    }
    shop.check_invariants().await;
    assert_eq!(available(&admin).await, 60);
    shop.close().await;
}

/// Meets a fault in the three ways. `fail` sends a request of this key and quantity that fails.
async fn create_fails(shop: &Shop, leaves: Leaves, fail: impl AsyncFn(&Client, &str, i64)) {
    let admin = shop.admin().await;
    shop.product(&admin, "A", 100, 10).await;
    let buyer = shop.customer().await;
    let subscriber = Subscriber::open(shop, "order.#").await;

    fail(&buyer, "retried", 2).await;
    let retry = buyer.order_in_the_end("retried", &[("A", 2)]).await;
    assert_eq!(retry.is_replay(), leaves == Leaves::Order);
    let retried = retry.expect(201);
    assert_eq!(holds_of(shop, &retried).await, [1]);

    fail(&buyer, "late", 3).await;
    if leaves == Leaves::Hold {
        assert_eq!(available(&admin).await, 5);
        until("the sweeper gives the stock back", async || {
            available(&admin).await == 8
        })
        .await;
    } else {
        shop.settle().await;
    }
    assert_eq!(
        available(&admin).await,
        if leaves == Leaves::Order { 5 } else { 8 }
    );
    let retry = buyer.order_in_the_end("late", &[("A", 3)]).await;
    assert_eq!(retry.is_replay(), leaves == Leaves::Order);
    let late = retry.expect(201);
    assert_eq!(
        holds_of(shop, &late).await,
        [if leaves == Leaves::Hold { 2 } else { 1 }]
    );

    fail(&buyer, "abandoned", 4).await;

    shop.check_invariants().await;
    let abandoned = if leaves == Leaves::Order { 4 } else { 0 };
    assert_eq!(available(&admin).await, 10 - 2 - 3 - abandoned);
    let orders: i64 = sqlx::query_scalar("select count(*) from orders")
        .fetch_one(shop.order())
        .await
        .unwrap();
    assert_eq!(orders, if leaves == Leaves::Order { 3 } else { 2 });
    for order in [retried, late] {
        let id = order["id"].as_str().unwrap();
        subscriber
            .wait_for("the order's event", |all| {
                all.iter().any(|message| message.is("order.created", id))
            })
            .await;
        let told = subscriber
            .received()
            .iter()
            .filter(|message| message.is("order.created", id))
            .count();
        assert_eq!(told, 1);
    }
    assert_eq!(dead_letters(shop).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crash_before_a_cancellation_commits() {
    cancel_fails_at("save-before-commit", false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancellation_whose_outcome_is_unknown() {
    cancel_fails_at("save-outcome-unknown", true).await;
}

async fn cancel_fails_at(point: &str, commits: bool) {
    let (shop, _lines) = open().await;
    let admin = shop.admin().await;
    shop.product(&admin, "A", 100, 10).await;
    let buyer = shop.customer().await;
    let subscriber = Subscriber::open(&shop, "order.#").await;
    let mut orders = Vec::new();
    for key in ["retried", "abandoned"] {
        orders.push(buyer.order(key, &[("A", 2)]).await.expect(201));
    }
    shop.settle().await;

    for order in &orders {
        fail_once(point);
        let failed = buyer.post(&cancel(order), json!({"reason": "no"})).await;
        assert_eq!(failed.header("retry-after"), Some("1"));
        failed.expect_problem(503, "unavailable");
    }
    let retried = buyer
        .post(&cancel(&orders[0]), json!({"reason": "no"}))
        .await
        .expect(200);
    assert_eq!(
        (&retried["status"], &retried["version"]),
        (&json!("cancelled"), &json!(3))
    );

    shop.check_invariants().await;
    let path = format!("/v1/orders/{}", orders[1]["id"].as_str().unwrap());
    let abandoned = buyer.get(&path).await.expect(200);
    assert_eq!(
        abandoned["status"],
        if commits { "cancelled" } else { "confirmed" }
    );
    assert_eq!(available(&admin).await, if commits { 10 } else { 8 });
    let id = retried["id"].as_str().unwrap();
    subscriber
        .wait_for("the event", |all| {
            all.iter().any(|message| message.is("order.cancelled", id))
        })
        .await;
    let told = subscriber
        .received()
        .iter()
        .filter(|message| message.is("order.cancelled", id))
        .count();
    assert_eq!(told, 1);
    assert_eq!(dead_letters(&shop).await, 0);
    shop.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn events_that_could_not_be_published() {
    let (shop, lines) = open().await;
    let admin = shop.admin().await;
    shop.product(&admin, "A", 100, 10).await;
    let buyer = shop.customer().await;
    let subscriber = Subscriber::open(&shop, "order.#").await;
    shop.settle().await;

    lines.rabbitmq.set(Line::Cut);
    let kept = buyer.order("kept", &[("A", 2)]).await.expect(201);
    let given_up = buyer.order("given up", &[("A", 3)]).await.expect(201);
    buyer
        .post(&cancel(&given_up), json!({"reason": "no"}))
        .await
        .expect(200);
    // The sweeper needs no event: it asks order-svc.
    until("the holds are decided", async || {
        let undecided = "select count(*) from holds where state = 'HELD'";
        sqlx::query_scalar::<_, i64>(undecided)
            .fetch_one(shop.inventory())
            .await
            .unwrap()
            == 0
    })
    .await;
    assert_eq!(available(&admin).await, 8);
    assert_eq!(subscriber.received().len(), 0);

    lines.rabbitmq.set(Line::Up);
    shop.check_invariants().await;
    assert_eq!(available(&admin).await, 8);
    for (kind, order) in [
        ("order.created", &kept),
        ("order.created", &given_up),
        ("order.cancelled", &given_up),
    ] {
        let id = order["id"].as_str().unwrap();
        subscriber
            .wait_for(kind, |all| all.iter().any(|message| message.is(kind, id)))
            .await;
    }
    assert_eq!(dead_letters(&shop).await, 0);
    shop.close().await;
}

/// A shop whose sweeper looks at a hold after a second.
async fn open() -> (Shop, Lines) {
    Shop::open_on_lines(|configs| configs.order.hold_ttl_seconds = 1).await
}

fn cancel(order: &Value) -> String {
    format!("/v1/orders/{}/cancel", order["id"].as_str().unwrap())
}

async fn available(client: &Client) -> i64 {
    let product = client.get("/v1/products/A").await.expect(200);
    product["available"].as_i64().unwrap()
}

async fn holds(shop: &Shop) -> i64 {
    sqlx::query_scalar("select count(*) from holds")
        .fetch_one(shop.inventory())
        .await
        .unwrap()
}

/// The numbers of the holds that an order has committed.
async fn holds_of(shop: &Shop, order: &Value) -> Vec<i32> {
    let id: Uuid = order["id"].as_str().unwrap().parse().unwrap();
    sqlx::query_scalar("select holds from orders where id = $1")
        .bind(id)
        .fetch_one(shop.order())
        .await
        .unwrap()
}
