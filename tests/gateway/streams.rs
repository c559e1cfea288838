//! Open pages are told what happens to their orders, and miss nothing while they were away.

use std::time::Duration;

use chassis::{Service, testing::Line};
use easyorder::Configs;
use reqwest::Method;
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::{
    common::{Client, Shop, until},
    page::{Event, Page},
};

fn kinds(events: &[Event]) -> Vec<&str> {
    events.iter().map(|event| event.kind.as_str()).collect()
}

/// A shop with hearts in stock, a customer, and what they pay for.
async fn shop() -> (Shop, Client) {
    let shop = Shop::open().await;
    let admin = shop.admin().await;
    shop.product(&admin, "HEART", 2_550, 1_000).await;
    let customer = shop.customer().await;
    (shop, customer)
}

async fn place(customer: &Client, key: &str) -> String {
    let order = customer.order(key, &[("HEART", 1)]).await.expect(201);
    order["id"].as_str().unwrap().to_owned()
}

async fn cancel(customer: &Client, order: &str) {
    let path = format!("/v1/orders/{order}/cancel");
    let reason = json!({"reason": "changed my mind"});
    let request = customer
        .request(Method::POST, &path)
        .header("if-match", "*")
        .json(&reason);
    Client::send(request).await.expect(200);
}

async fn confirmed(customer: &Client, order: &str) -> Value {
    let path = format!("/v1/orders/{order}");
    until("the order is confirmed", async || {
        customer.get(&path).await.body["status"] == "confirmed"
    })
    .await;
    customer.get(&path).await.expect(200)
}

/// One more gateway of the same shop, and a client of it.
async fn gateway(configs: &Configs, client: &Client) -> (Service, Client) {
    let mut config = configs.gateway.clone();
    config.http_addr = chassis::testing::free_addr();
    let url = format!("http://{}", config.http_addr);
    let service = gateway::start(config).await.unwrap();
    let client = Client::new(&url).with_token(client.token().unwrap());
    (service, client)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_customer_sees_their_orders_and_points_and_nobody_elses() {
    let (shop, customer) = shop().await;
    let other = shop.customer().await;
    let mut page = Page::open(&customer, "/v1/me/events", None).await;
    let mut others = Page::open(&other, "/v1/me/events", None).await;
    let order = place(&customer, "1").await;
    let mut events = page.until("order.confirmed.v1").await;
    assert_eq!(events[0].kind, "order.created.v1");
    while !kinds(&events).contains(&"incentive.points_earned.v1") {
        events.push(page.next().await.unwrap());
    }
    for event in &events {
        assert_eq!(event.data["type"], event.kind, "{event:?}");
        assert_eq!(event.data["data"]["order_id"], order, "{event:?}");
        assert_eq!(event.data["data"]["holds"], Value::Null, "{event:?}");
        assert_eq!(event.data["traceparent"], Value::Null, "{event:?}");
    }
    let ids: Vec<u64> = events
        .iter()
        .map(|event| event.id.as_ref().unwrap().parse().unwrap())
        .collect();
    assert!(ids.is_sorted_by(|a, b| a < b), "{ids:?}");

    let theirs = place(&other, "1").await;
    let event = others.next().await.unwrap();
    assert_eq!(event.data["subject"], theirs);
    shop.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_begins_with_what_it_is_and_goes_on_with_what_is_new() {
    let (shop, customer) = shop().await;
    let order = place(&customer, "1").await;
    let path = format!("/v1/orders/{order}/events");
    // Opened at once: the order may change between the snapshot and what follows.
    let mut page = Page::open(&customer, &path, None).await;
    let snapshot = page.next().await.unwrap();
    assert_eq!(snapshot.kind, "order.snapshot");
    let mut versions = vec![snapshot.data["version"].as_i64().unwrap()];
    if snapshot.data["status"] == "placed" {
        let event = page.next().await.unwrap();
        assert_eq!(event.kind, "order.confirmed.v1");
        versions.push(event.data["data"]["version"].as_i64().unwrap());
    }
    cancel(&customer, &order).await;
    let event = page.next().await.unwrap();
    assert_eq!(event.kind, "order.cancelled.v1");
    versions.push(event.data["aggregateversion"].as_i64().unwrap());
    let last = *versions.last().unwrap();
    let expected: Vec<i64> = (versions[0]..=last).collect();
    assert_eq!(versions, expected, "each once");

    let now = customer.get(&format!("/v1/orders/{order}")).await;
    let mut page = Page::open(&customer, &path, None).await;
    assert_eq!(page.next().await.unwrap().data, now.expect(200));
    shop.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_was_away_gets_exactly_what_they_missed_at_any_gateway() {
    let (shop, customer) = shop().await;
    let orders = [place(&customer, "1").await, place(&customer, "2").await];
    for order in &orders {
        confirmed(&customer, order).await;
    }
    shop.settle().await;
    let path = format!("/v1/orders/{}/events", orders[0]);
    let mut of_order = Page::open(&customer, &path, None).await;
    of_order.until("order.snapshot").await;
    let mut of_me = Page::open(&customer, "/v1/me/events", None).await;
    // Nothing happened since, and yet both can resume.
    for page in [&mut of_order, &mut of_me] {
        while page.id.is_none() {
            page.block().await.unwrap();
        }
    }
    let (order_id, me_id) = (of_order.id.clone().unwrap(), of_me.id.clone().unwrap());
    drop((of_order, of_me));

    cancel(&customer, &orders[0]).await;
    cancel(&customer, &orders[1]).await;
    shop.settle().await;
    // One that has not been there before, and has all to read.
    let (service, elsewhere) = gateway(&shop.configs, &customer).await;
    let clients = [&customer, &elsewhere];
    let mut seen = Vec::new();
    for client in clients {
        let mut of_order = Page::open(client, &path, Some(&order_id)).await;
        let mut of_me = Page::open(client, "/v1/me/events", Some(&me_id)).await;
        let event = of_order.next().await.unwrap();
        assert_eq!(event.kind, "order.cancelled.v1");
        let mut missed = Vec::new();
        while missed.len() < 2 {
            let event = of_me.next().await.unwrap();
            if event.kind.starts_with("order.") {
                missed.push(event);
            }
        }
        assert_eq!(kinds(&missed), ["order.cancelled.v1"; 2]);
        let mut subjects = missed.iter().map(|event| &event.data["subject"]);
        assert!(subjects.clone().any(|subject| *subject == orders[0]));
        assert!(subjects.any(|subject| *subject == orders[1]));
        seen.push((event, missed, of_me));
    }
    let [(first, missed, mut page), (same, missed_too, mut page_too)] =
        <[_; 2]>::try_from(seen).ok().unwrap();
    assert_eq!(first, same, "under one id everywhere");
    assert_eq!(missed, missed_too);

    let next = place(&customer, "3").await;
    for page in [&mut page, &mut page_too] {
        let events = page.until("order.created.v1").await;
        assert_eq!(events.last().unwrap().data["subject"], next);
        let again = events
            .iter()
            .filter(|event| event.kind == "order.cancelled.v1");
        assert_eq!(again.count(), 0);
    }
    drop((page, page_too));
    service.stop().await;
    shop.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_comes_back_too_late_or_with_a_made_up_id_is_told_to_load_anew() {
    let (shop, customer) = shop().await;
    let order = place(&customer, "1").await;
    let now = confirmed(&customer, &order).await;
    shop.settle().await;
    let path = format!("/v1/orders/{order}/events");
    for id in ["banana", "-1", "99999999999999999999"] {
        let mut page = Page::open(&customer, &path, Some(id)).await;
        assert_eq!(page.next().await.unwrap().kind, "reset", "{id}");
        let snapshot = page.next().await.unwrap();
        assert_eq!(snapshot.kind, "order.snapshot", "{id}");
        assert_eq!(snapshot.data, now, "{id}");
        let mut page = Page::open(&customer, "/v1/me/events", Some(id)).await;
        assert_eq!(page.next().await.unwrap().kind, "reset", "{id}");
    }
    // That might come yet; after a while it is clear that it does not.
    let mut of_me = Page::open(&customer, "/v1/me/events", Some("1000000")).await;
    let mut of_order = Page::open(&customer, &path, Some("1000000")).await;
    assert_eq!(of_me.next().await.unwrap().kind, "reset");
    assert_eq!(of_order.next().await.unwrap().kind, "reset");
    // It ends, and the client has no id any more: the next one begins with the order.
    assert_eq!(of_order.id.as_deref(), Some(""));
    assert_eq!(of_order.next().await, None);
    let mut of_order = Page::open(&customer, &path, Some("")).await;
    assert_eq!(of_order.next().await.unwrap().data, now);
    shop.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_is_shown_to_whom_it_concerns() {
    let (shop, customer) = shop().await;
    let order = place(&customer, "1").await;
    let now = confirmed(&customer, &order).await;
    let path = format!("/v1/orders/{order}/events");
    let nobody = shop.visitor().get(&path).await;
    nobody.expect_problem(401, "unauthenticated");
    let other = shop.customer().await.get(&path).await;
    other.expect_problem(404, "not-found");
    let no_order = customer.get("/v1/orders/no-uuid/events").await;
    no_order.expect_problem(404, "not-found");
    let nobody = shop.visitor().get("/v1/me/events").await;
    nobody.expect_problem(401, "unauthenticated");
    let staff = shop.staff(&shop.admin().await).await;
    let mut page = Page::open(&staff, &path, None).await;
    assert_eq!(page.next().await.unwrap().data, now);
    shop.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_ends_with_its_session() {
    let (shop, customer) = shop().await;
    let order = place(&customer, "1").await;
    let path = format!("/v1/orders/{order}/events");
    let of_order = Page::open(&customer, &path, None).await;
    let of_me = Page::open(&customer, "/v1/me/events", None).await;
    customer.delete("/v1/me/sessions").await.expect(204);
    of_order.assert_ends(Duration::from_secs(10)).await;
    of_me.assert_ends(Duration::from_secs(10)).await;
    let again = customer.get("/v1/me/events").await;
    again.expect_problem(401, "unauthenticated");
    shop.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn open_streams_hold_no_stop_up() {
    let (shop, customer) = shop().await;
    let (service, client) = gateway(&shop.configs, &customer).await;
    let mut pages = Vec::new();
    for _ in 0..10 {
        pages.push(Page::open(&client, "/v1/me/events", None).await);
    }
    let start = Instant::now();
    service.stop().await;
    let took = start.elapsed();
    assert!(took < Duration::from_secs(5), "{took:?}");
    for page in pages {
        page.assert_ends(Duration::from_secs(1)).await;
    }
    shop.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_has_so_many_streams_at_once() {
    let (shop, customer) = shop().await;
    let mut pages = Vec::new();
    for _ in 0..20 {
        pages.push(Page::open(&customer, "/v1/me/events", None).await);
    }
    let refused = customer.get("/v1/me/events").await;
    assert_eq!(refused.header("retry-after"), Some("10"));
    refused.expect_problem(429, "too-many-streams");
    Page::open(&shop.customer().await, "/v1/me/events", None).await;

    pages.pop();
    until("there is room for one more", async || {
        customer.get("/v1/me/events").await.status == 200
    })
    .await;
    shop.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_outage_of_rabbitmq_costs_a_page_nothing() {
    let (shop, lines) = Shop::open_on_lines(|_| {}).await;
    let admin = shop.admin().await;
    shop.product(&admin, "HEART", 2_550, 1_000).await;
    let customer = shop.customer().await;
    let mut page = Page::open(&customer, "/v1/me/events", None).await;
    lines.rabbitmq.set(Line::Cut);
    let order = place(&customer, "1").await;
    // The gateway serves meanwhile.
    let mut late = Page::open(&customer, "/v1/me/events", page.id.as_deref()).await;
    lines.rabbitmq.set(Line::Up);
    for page in [&mut page, &mut late] {
        let events = page.until("order.confirmed.v1").await;
        let created = events
            .iter()
            .filter(|event| event.kind == "order.created.v1");
        assert_eq!(created.count(), 1, "{:?}", kinds(&events));
        assert_eq!(events.last().unwrap().data["subject"], order);
    }
    shop.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_quiet_stream_shows_that_it_lives_and_where_to_resume() {
    let (shop, customer) = shop().await;
    let mut page = Page::open(&customer, "/v1/me/events", None).await;
    let other = shop.customer().await;
    place(&other, "1").await;
    let start = Instant::now();
    while page.id.is_none() {
        let block = page.block().await.unwrap();
        assert_eq!(block.kind, "");
    }
    assert!(start.elapsed() < Duration::from_secs(25));
    let order = place(&customer, "1").await;
    let id = page.id.clone();
    drop(page);
    let mut page = Page::open(&customer, "/v1/me/events", id.as_deref()).await;
    let events = page.until("order.created.v1").await;
    assert_eq!(events.last().unwrap().data["subject"], order);
    assert_eq!(
        kinds(&events)
            .iter()
            .filter(|kind| **kind == "reset")
            .count(),
        0
    );
    shop.close().await;
}
