//! Several replicas of order-svc on one database.

use std::time::{Duration, Instant};

use chassis::testing;
use serde_json::json;

use crate::common::{Client, Shop, until};

#[tokio::test(flavor = "multi_thread")]
async fn what_one_replica_wrote_the_other_shows_at_once() {
    let shop = Shop::open().await;
    let admin = shop.admin().await;
    shop.product(&admin, "A", 255, 1_000).await;
    let buyer = shop.customer().await;
    let mut config = shop.configs.order.clone();
    config.http_addr = testing::free_addr();
    config.grpc_addr = testing::free_addr();
    let (one, two) = (shop.configs.order.http_addr, config.http_addr);
    let replica = order_svc::start(config).await.unwrap();
    let (one, two) = (at(&buyer, one), at(&buyer, two));
    until("the second replica answers", async || {
        let request = two.request(reqwest::Method::GET, "/health/ready");
        Client::try_send(request)
            .await
            .is_some_and(|answer| answer.status == 200)
    })
    .await;

    for n in 0..30 {
        let (writer, reader) = if n % 2 == 0 {
            (&one, &two)
        } else {
            (&two, &one)
        };
        let placed = writer.order(&n.to_string(), &[("A", 1)]).await.expect(201);
        let path = format!("/v1/orders/{}", placed["id"].as_str().unwrap());
        let seen = reader.get(&path).await.expect(200);
        assert_eq!(seen["id"], placed["id"]);
        let cancelled = writer
            .post(&format!("{path}/cancel"), json!({"reason": "no"}))
            .await
            .expect(200);
        assert_eq!(reader.get(&path).await.expect(200), cancelled);
    }
    shop.check_invariants().await;
    replica.stop().await;
    shop.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_does_not_wait_for_ever_and_is_told_what_there_is() {
    let (shop, lines) = Shop::open_on_lines(|_| {}).await;
    let admin = shop.admin().await;
    shop.product(&admin, "A", 255, 1_000).await;
    let (buyer, other) = (shop.customer().await, shop.customer().await);
    let known = buyer.order("known", &[("A", 1)]).await.expect(201);
    shop.settle().await;
    let path = |order: &serde_json::Value| format!("/v1/orders/{}", order["id"].as_str().unwrap());
    let before = buyer.get(&path(&known)).await.expect(200);

    // Nothing reaches the views any more.
    lines.rabbitmq.set(testing::Line::Cut);
    let new = buyer.order("new", &[("A", 1)]).await.expect(201);
    let cancel = format!("{}/cancel", path(&known));
    buyer
        .post(&cancel, json!({"reason": "no"}))
        .await
        .expect(200);
    let started = Instant::now();
    let unseen = buyer.get(&path(&new)).await;
    assert_eq!(unseen.status, 503, "{:#}", unseen.body);
    assert!(unseen.header("retry-after").is_some());
    assert!(started.elapsed() >= Duration::from_secs(2));
    assert_eq!(buyer.get(&path(&known)).await.expect(200), before);
    // Whose it is not learns nothing, and at once.
    let started = Instant::now();
    other.get(&path(&new)).await.expect(404);
    assert!(started.elapsed() < Duration::from_secs(2));

    lines.rabbitmq.set(testing::Line::Up);
    until("the views have caught up", async || {
        buyer.get(&path(&new)).await.status == 200
    })
    .await;
    assert_eq!(
        buyer.get(&path(&known)).await.expect(200)["status"],
        "cancelled"
    );
    shop.check_invariants().await;
    shop.close().await;
}

/// The same person, who speaks to another address.
fn at(client: &Client, addr: std::net::SocketAddr) -> Client {
    let token = client.token().expect("somebody who is signed in");
    Client::new(&format!("http://{addr}")).with_token(token)
}
