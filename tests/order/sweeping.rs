//! Requests that take longer than their hold lives.

use serde_json::Value;
use uuid::Uuid;

use crate::common::{
    Answer, Client, Shop,
    broker::dead_letters,
    faults::{Stall, fail_once},
    grpc::Inventory,
    until,
};

#[tokio::test(flavor = "multi_thread")]
async fn who_was_stopped_until_the_hold_was_closed_takes_the_next() {
    let (shop, buyer) = open().await;
    let mut stall = Stall::at("create-after-reserve");
    let ordering = order(&buyer, "1", 6);
    stall.reached().await;
    until("the sweeper closes the hold", async || {
        states(&shop).await == ["EXPIRED"]
    })
    .await;
    assert_eq!(available(&buyer).await, 10);
    stall.resume();

    let answer = ordering.await.unwrap();
    assert!(!answer.is_replay());
    let order = answer.expect(201);
    assert_eq!(holds_of(&shop, &order).await, [2]);
    close(shop, &buyer, 4).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_was_stopped_until_a_retry_placed_the_order_replays_it() {
    let (shop, buyer) = open().await;
    let mut stall = Stall::at("create-after-reserve");
    let stopped = order(&buyer, "1", 6);
    stall.reached().await;
    until("the sweeper closes the hold", async || {
        states(&shop).await == ["EXPIRED"]
    })
    .await;
    let retry = buyer.order("1", &[("A", 6)]).await;
    assert!(!retry.is_replay());
    let retry = retry.expect(201);
    stall.resume();

    let answer = stopped.await.unwrap();
    assert!(answer.is_replay());
    assert_eq!(answer.expect(201), retry);
    assert_eq!(holds_of(&shop, &retry).await, [2]);
    close(shop, &buyer, 4).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_was_stopped_when_the_goods_were_sold_to_another_gets_none() {
    let (shop, buyer) = open().await;
    let mut stall = Stall::at("create-after-reserve");
    let stopped = order(&buyer, "1", 6);
    stall.reached().await;
    until("the sweeper closes the hold", async || {
        states(&shop).await == ["EXPIRED"]
    })
    .await;
    let other = shop.customer().await;
    other.order("1", &[("A", 6)]).await.expect(201);
    stall.resume();

    let problem = stopped
        .await
        .unwrap()
        .expect_problem(409, "insufficient-stock");
    assert_eq!(problem["items"][0]["available"], 4);
    close(shop, &buyer, 4).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_in_the_middle_of_its_commit_is_waited_for_and_holds_nobody_up() {
    let (shop, buyer) = open().await;
    let mut stall = Stall::at("place-before-commit");
    let slow = order(&buyer, "slow", 6);
    stall.reached().await;
    fail_once("create-after-reserve");
    buyer.order("abandoned", &[("A", 2)]).await.expect(503);

    // Its twin waits with it.
    let twin = order(&buyer, "slow", 6);
    until("the other hold is closed", async || {
        states(&shop).await == ["EXPIRED", "HELD"]
    })
    .await;
    until("this one is long overdue", async || {
        let overdue = "select count(*) from holds where state = 'HELD' and expires_at < now() - interval '3 seconds'";
        sqlx::query_scalar::<_, i64>(overdue).fetch_one(shop.inventory()).await.unwrap() == 1
    })
    .await;
    stall.resume();

    let first = slow.await.unwrap();
    assert!(!first.is_replay());
    let first = first.expect(201);
    assert_eq!(holds_of(&shop, &first).await, [1]);
    let mut second = twin.await.unwrap();
    if second.is_passing() {
        second = buyer.order_in_the_end("slow", &[("A", 6)]).await;
    }
    assert!(second.is_replay());
    assert_eq!(second.expect(201), first);
    close(shop, &buyer, 4).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_that_never_ends_is_ended() {
    let (shop, buyer) = open().await;
    let mut stall = Stall::at("place-before-commit");
    let stuck = order(&buyer, "1", 6);
    stall.reached().await;
    // PostgreSQL ends the transaction; then nothing stands against closing the hold.
    until("the hold is closed", async || {
        states(&shop).await == ["EXPIRED"]
    })
    .await;
    stall.resume();

    stuck.await.unwrap().expect_problem(503, "unavailable");
    let order = buyer.order_in_the_end("1", &[("A", 6)]).await.expect(201);
    assert_eq!(holds_of(&shop, &order).await, [2]);
    close(shop, &buyer, 4).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hold_that_was_given_back_before_it_was_asked_for_is_not_waited_for() {
    let (shop, buyer) = open().await;
    let id = order_svc::domain::order_id(buyer.id().await, "1");
    let nobodys = Uuid::now_v7().to_string();
    Inventory::of(&shop)
        .release(id, 1, &nobodys)
        .await
        .expect("a tombstone");

    let order = buyer.order("1", &[("A", 6)]).await.expect(201);
    assert_eq!(order["id"], id.to_string());
    assert_eq!(holds_of(&shop, &order).await, [2]);
    assert_eq!(states(&shop).await.len(), 2);
    close(shop, &buyer, 4).await;
}

/// A shop whose sweeper looks at a hold after a second, with ten pieces of A.
async fn open() -> (Shop, Client) {
    let shop = Shop::open_with(|configs| configs.order.hold_ttl_seconds = 1).await;
    let admin = shop.admin().await;
    shop.product(&admin, "A", 100, 10).await;
    let buyer = shop.customer().await;
    (shop, buyer)
}

/// Checks that all is well and that so many pieces are left.
async fn close(shop: Shop, buyer: &Client, left: i64) {
    shop.check_invariants().await;
    assert_eq!(available(buyer).await, left);
    let orders: i64 = sqlx::query_scalar("select count(*) from orders")
        .fetch_one(shop.order())
        .await
        .unwrap();
    assert_eq!(orders, 1);
    assert_eq!(dead_letters(&shop).await, 0);
    shop.close().await;
}

fn order(buyer: &Client, key: &'static str, quantity: i64) -> tokio::task::JoinHandle<Answer> {
    let buyer = buyer.clone();
    tokio::spawn(async move { buyer.order(key, &[("A", quantity)]).await })
}

async fn available(client: &Client) -> i64 {
    let product = client.get("/v1/products/A").await.expect(200);
    product["available"].as_i64().unwrap()
}

/// The states of all holds, sorted.
async fn states(shop: &Shop) -> Vec<String> {
    sqlx::query_scalar("select state from holds order by state")
        .fetch_all(shop.inventory())
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
