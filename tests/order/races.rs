//! Things that happen at the same time.

use std::time::Duration;

use chassis::testing::Line;
use futures::future::join_all;
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::common::{
    Client, Shop,
    broker::{Subscriber, dead_letters},
    faults::slow_down,
};

#[tokio::test(flavor = "multi_thread")]
async fn a_cancellation_and_a_confirmation_at_the_same_time() {
    let shop = Shop::open().await;
    let admin = shop.admin().await;
    shop.product(&admin, "A", 100, 60).await;
    let subscriber = Subscriber::open(&shop, "order.#").await;
    let buyer = shop.customer().await;

    // All that was sold before is sold again in each round.
    let mut cancelled = Vec::new();
    for round in 0..3 {
        let orders = join_all((0..20).map(|n| {
            let buyer = buyer.clone();
            async move {
                let order = buyer
                    .order(&format!("{round}-{n}"), &[("A", 3)])
                    .await
                    .expect(201);
                // A confirmation takes some tenths of a second.
                sleep(Duration::from_millis(n * 20)).await;
                let (one, other) = tokio::join!(cancel(&buyer, &order), cancel(&buyer, &order));
                assert_eq!(one, other);
                assert_eq!(one["status"], "cancelled");
                order
            }
        }))
        .await;
        shop.check_invariants().await;
        assert_eq!(available(&buyer).await, 60);
        cancelled.extend(orders);
    }

    let told = |kind: &str, order: &Value| {
        let id = order["id"].as_str().unwrap();
        subscriber
            .received()
            .iter()
            .filter(|message| message.is(kind, id))
            .count()
    };
    let mut confirmed = 0;
    for order in &cancelled {
        assert_eq!(told("order.cancelled", order), 1);
        confirmed += told("order.confirmed", order);
    }
    // A measure of the race, which only time decides.
    tracing::info!(confirmed, "of 60 were confirmed first");
    assert_eq!(dead_letters(&shop).await, 0);
    shop.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancellation_and_the_sweeper_at_the_same_time() {
    let (shop, lines) = Shop::open_on_lines(|configs| configs.order.hold_ttl_seconds = 1).await;
    let admin = shop.admin().await;
    shop.product(&admin, "A", 100, 100).await;
    let buyer = shop.customer().await;

    // Without events, nobody but the sweeper settles a hold.
    lines.rabbitmq.set(Line::Cut);
    join_all((0..30).map(|n| {
        let buyer = buyer.clone();
        async move {
            let order = buyer.order(&n.to_string(), &[("A", 3)]).await.expect(201);
            if n % 3 > 0 {
                sleep(Duration::from_millis(n * 100)).await;
                cancel(&buyer, &order).await;
            }
        }
    }))
    .await;
    let by_state: Vec<(String, i64)> =
        sqlx::query_as("select state, count(*) from holds group by state")
            .fetch_all(shop.inventory())
            .await
            .unwrap();
    tracing::info!(?by_state, "before any event came");

    lines.rabbitmq.set(Line::Up);
    shop.check_invariants().await;
    assert_eq!(available(&buyer).await, 100 - 10 * 3);
    assert_eq!(dead_letters(&shop).await, 0);
    shop.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn twins_that_are_stopped_here_and_there_around_the_end_of_their_hold() {
    let shop = Shop::open_with(|configs| {
        configs.order.hold_ttl_seconds = 1;
        configs.order.database_pool = 20;
    })
    .await;
    let admin = shop.admin().await;
    shop.product(&admin, "A", 100, 1_000).await;
    shop.product(&admin, "B", 100, 1_000).await;
    let buyer = shop.customer().await;

    slow_down("create-after-reserve", &[2_600, 0, 1_900, 1_300, 2_300]);
    slow_down("place-before-commit", &[0, 0, 1_100]);
    let orders = join_all((0..16_i64).map(|n| {
        let buyer = buyer.clone();
        async move {
            let key = n.to_string();
            let lines = [("A", n + 1), ("B", 1)];
            let twin = async {
                sleep(Duration::from_millis(200 * (n % 7).unsigned_abs())).await;
                buyer.order_in_the_end(&key, &lines).await
            };
            let (one, other) = tokio::join!(buyer.order_in_the_end(&key, &lines), twin);
            assert!(one.is_replay() || other.is_replay());
            let (one, other) = (one.expect(201), other.expect(201));
            assert_eq!(one, other);
            one
        }
    }))
    .await;

    shop.check_invariants().await;
    assert_eq!(available(&buyer).await, 1_000 - (1..=16).sum::<i64>());
    let written: i64 = sqlx::query_scalar("select count(*) from orders")
        .fetch_one(shop.order())
        .await
        .unwrap();
    assert_eq!(written, 16);
    let closed: i64 = sqlx::query_scalar("select count(*) from decisions where outcome = 'closed'")
        .fetch_one(shop.order())
        .await
        .unwrap();
    tracing::info!(closed, "holds were closed under the twins' hands");
    assert_eq!(orders.len(), 16);
    assert_eq!(dead_letters(&shop).await, 0);
    shop.close().await;
}

async fn cancel(buyer: &Client, order: &Value) -> Value {
    let path = format!("/v1/orders/{}/cancel", order["id"].as_str().unwrap());
    buyer
        .post(&path, json!({"reason": "changed my mind"}))
        .await
        .expect(200)
}

async fn available(client: &Client) -> i64 {
    let product = client.get("/v1/products/A").await.expect(200);
    product["available"].as_i64().unwrap()
}
