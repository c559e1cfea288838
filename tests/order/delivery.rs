//! The events of an order: as a subscriber from outside gets them, and however they come.

use std::collections::HashSet;

use chassis::testing::Line;
use chrono::{DateTime, Utc};
use futures::future::join_all;
use lapin::types::ShortString;
use reqwest::Method;
use serde_json::{Value, json};
use sqlx::PgPool;
use uuid::Uuid;

use crate::common::{
    Client, Shop,
    broker::{Message, Subscriber, dead_letters},
};

#[tokio::test(flavor = "multi_thread")]
async fn each_order_is_told_of_once_by_a_valid_event() {
    let shop = Shop::open().await;
    let admin = shop.admin().await;
    let subscriber = Subscriber::open(&shop, "#").await;
    shop.product(&admin, "A", 255, 100).await;
    let buyer = shop.customer().await;
    let trace_id = |n: usize| format!("{:032x}", n + 1);
    let orders = join_all((0..30).map(|n| {
        let request = buyer.order_request(&n.to_string(), &[("A", 2)]).header(
            "traceparent",
            format!("00-{}-00f067aa0ba902b7-01", trace_id(n)),
        );
        async move { Client::send(request).await.expect(201) }
    }))
    .await;
    shop.check_invariants().await;

    let told = |order: &Value, kind: &str| -> Vec<Message> {
        let id = order["id"].as_str().unwrap();
        subscriber
            .received()
            .into_iter()
            .filter(|message| message.is(kind, id))
            .collect()
    };
    for (n, order) in orders.iter().enumerate() {
        let created = told(order, "order.created");
        assert_eq!(created.len(), 1);
        let event = created[0].event();
        assert_eq!(event["source"], "/order-svc");
        assert_eq!(event["aggregateversion"], 1);
        assert_eq!(event["time"], order["placed_at"]);
        assert!(
            event["traceparent"]
                .as_str()
                .unwrap()
                .contains(&trace_id(n)),
            "{event:#}"
        );
        let mut event = event;
        let data = &mut event["data"];
        // For inventory-svc alone.
        for line in data["lines"].as_array_mut().unwrap() {
            line.as_object_mut().unwrap().remove("restocked_quantity");
        }
        assert_eq!(data["order_id"], order["id"]);
        for field in [
            "customer_id",
            "status",
            "version",
            "currency",
            "lines",
            "subtotal",
            "total",
            "placed_at",
        ] {
            assert_eq!(data[field], order[field], "{field}");
        }
        let confirmed = told(order, "order.confirmed");
        assert_eq!(confirmed.len(), 1);
        assert_eq!(confirmed[0].event()["aggregateversion"], 2);
        let hold = json!({"id": format!("{}/1", order["id"].as_str().unwrap())});
        for kind in ["inventory.stock_reserved", "inventory.stock_confirmed"] {
            assert_eq!(told(&hold, kind).len(), 1, "{kind}");
        }
    }

    let all = subscriber.received();
    let mut ids = HashSet::new();
    for message in &all {
        let event = message.event();
        let context = format!("{event:#}");
        let properties = &message.properties;
        assert_eq!(properties.delivery_mode(), &Some(2), "{context}");
        assert_eq!(
            properties.content_type().as_ref().unwrap().as_str(),
            "application/cloudevents+json"
        );
        assert_eq!(
            properties.message_id().as_ref().unwrap().as_str(),
            event["id"],
            "{context}"
        );
        assert_eq!(event["type"], message.routing_key, "{context}");
        assert_eq!(event["specversion"], "1.0", "{context}");
        assert_eq!(event["datacontenttype"], "application/json", "{context}");
        event["id"]
            .as_str()
            .unwrap()
            .parse::<Uuid>()
            .expect(&context);
        event["time"]
            .as_str()
            .unwrap()
            .parse::<DateTime<Utc>>()
            .expect(&context);
        assert!(event["time"].as_str().unwrap().ends_with('Z'), "{context}");
        assert!(
            event["subject"]
                .as_str()
                .is_some_and(|subject| !subject.is_empty()),
            "{context}"
        );
        assert!(event["data"].is_object(), "{context}");
        // CloudEvents 1.0, 3.1: lower-case letters and digits.
        for name in event.as_object().unwrap().keys() {
            assert!(
                name.bytes()
                    .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit()),
                "{name}"
            );
        }
        assert!(
            ids.insert(event["id"].as_str().unwrap().to_owned()),
            "twice: {context}"
        );
    }
    shop.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn events_that_come_again_or_in_disorder_change_nothing() {
    let shop = Shop::open().await;
    let admin = shop.admin().await;
    shop.product(&admin, "A", 255, 100).await;
    let buyer = shop.customer().await;
    let subscriber = Subscriber::open(&shop, "#").await;
    let mut orders = Vec::new();
    for n in 0..6 {
        let order = buyer
            .order(&n.to_string(), &[("A", n + 1)])
            .await
            .expect(201);
        if n % 2 == 0 {
            // Some before and some after they are confirmed.
            if n % 4 == 0 {
                shop.settle().await;
            }
            cancel(&buyer, &order).await;
        }
        orders.push(order);
    }
    shop.check_invariants().await;
    for (n, order) in orders.iter().enumerate() {
        let kind = if n % 2 == 0 {
            "order.cancelled"
        } else {
            "order.confirmed"
        };
        let id = order["id"].as_str().unwrap();
        subscriber
            .wait_for(kind, |all| all.iter().any(|message| message.is(kind, id)))
            .await;
    }

    let events = subscriber.received();
    assert!(events.len() > 20);
    let mut markers = Vec::new();
    let before = state(&shop, &markers).await;
    // As when a relay dies between publishing and noting that it did.
    for message in &events {
        let event = message.event();
        let pool = if event["source"] == "/order-svc" {
            shop.order()
        } else {
            shop.inventory()
        };
        sqlx::query("insert into outbox (id, kind, payload) values ($1, $2, $3)")
            .bind(event["id"].as_str().unwrap().parse::<Uuid>().unwrap())
            .bind(&message.routing_key)
            .bind(&message.body)
            .execute(pool)
            .await
            .unwrap();
    }
    subscriber
        .wait_for("all events again", |all| all.len() >= 2 * events.len())
        .await;
    shop.check_invariants().await;
    assert_eq!(state(&shop, &markers).await, before);
    for renamed in [false, true] {
        // As redelivered, and as after the inboxes forgot them.
        let again = |message: &Message| {
            if renamed {
                with_new_id(message)
            } else {
                message.clone()
            }
        };
        for message in events.iter().chain(events.iter().rev()) {
            subscriber.publish(&again(message)).await;
        }
        // Each queue keeps its order: what comes after these shows that they were taken.
        let marker = buyer
            .order(&format!("marker {renamed}"), &[("A", 1)])
            .await
            .expect(201);
        shop.settle().await;
        cancel(&buyer, &marker).await;
        shop.check_invariants().await;
        markers.push(marker["id"].as_str().unwrap().to_owned());
        assert_eq!(state(&shop, &markers).await, before, "renamed: {renamed}");
    }
    assert_eq!(dead_letters(&shop).await, 0);
    shop.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn events_may_come_newest_first() {
    let (shop, lines) = Shop::open_on_lines(|_| {}).await;
    let admin = shop.admin().await;
    shop.product(&admin, "A", 255, 100).await;
    let buyer = shop.customer().await;
    shop.settle().await;
    let subscriber = Subscriber::open(&shop, "nothing").await;

    // Nothing is published, and nothing taken, until all are in the queues in reverse.
    lines.rabbitmq.set(Line::Cut);
    let mut left = 100;
    for n in 0..6 {
        let order = buyer
            .order(&n.to_string(), &[("A", n + 1)])
            .await
            .expect(201);
        if n % 2 == 0 {
            cancel(&buyer, &order).await;
        } else {
            left -= n + 1;
        }
    }
    let stored: Vec<(String, Uuid, Vec<u8>)> = sqlx::query_as(
        "select kind, id, payload from outbox where published_at is null order by seq desc",
    )
    .fetch_all(shop.order())
    .await
    .unwrap();
    assert_eq!(stored.len(), 9);
    for (kind, id, body) in stored {
        let properties = lapin::BasicProperties::default()
            .with_content_type("application/cloudevents+json".into())
            .with_message_id(ShortString::try_new(id.to_string()).unwrap());
        subscriber
            .publish(&Message {
                routing_key: kind,
                properties,
                body,
            })
            .await;
    }
    lines.rabbitmq.set(Line::Up);

    shop.check_invariants().await;
    let product = buyer.get("/v1/products/A").await.expect(200);
    assert_eq!(product["available"], left);
    assert_eq!(dead_letters(&shop).await, 0);
    shop.close().await;
}

async fn cancel(buyer: &Client, order: &Value) {
    let path = format!("/v1/orders/{}/cancel", order["id"].as_str().unwrap());
    let request = buyer
        .request(Method::POST, &path)
        .json(&json!({"reason": "no"}));
    Client::send(request).await.expect(200);
}

fn with_new_id(message: &Message) -> Message {
    let id = Uuid::now_v7().to_string();
    let mut event = message.event();
    event["id"] = json!(id);
    Message {
        routing_key: message.routing_key.clone(),
        properties: message
            .properties
            .clone()
            .with_message_id(ShortString::try_new(id).unwrap()),
        body: serde_json::to_vec(&event).unwrap(),
    }
}

/// All that is written of orders and stock, except of some orders.
async fn state(shop: &Shop, except: &[String]) -> Vec<String> {
    let mut state = Vec::new();
    let tables: [(&PgPool, &[(&str, &str)]); 2] = [
        (
            shop.order(),
            &[
                ("orders", "id"),
                ("order_lines", "order_id"),
                ("decisions", "order_id"),
                ("read_model.orders", "order_id"),
            ],
        ),
        (
            shop.inventory(),
            &[
                ("holds", "order_id"),
                ("hold_lines", "order_id"),
                ("stock_movements", "coalesce(order_id::text, '')"),
                ("followed_orders", "order_id"),
                ("stock", "sku"),
            ],
        ),
    ];
    for (pool, tables) in tables {
        for (table, id) in tables {
            let sql =
                format!("select t::text from {table} t where {id}::text <> all($1) order by 1");
            let rows: Vec<String> = sqlx::query_scalar(sqlx::AssertSqlSafe(sql))
                .bind(except)
                .fetch_all(pool)
                .await
                .unwrap();
            state.extend(rows.into_iter().map(|row| format!("{table} {row}")));
        }
    }
    state
}
