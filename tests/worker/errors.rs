use proto::topology::INVENTORY_ORDERS;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    common::{Client, Shop, until},
    queues::{Tap, header},
};

/// An event that is one, about an order that is none.
fn poison(id: Uuid) -> Vec<u8> {
    json!({
        "specversion": "1.0", "id": id, "source": "/order-svc", "type": "order.created.v1", "subject": "nobody",
        "time": "2026-11-23T00:00:00Z", "datacontenttype": "application/json", "data": {"order_id": "no id"},
    })
    .to_string()
    .into_bytes()
}

/// What inventory-svc logged about dead letters.
async fn dead_letters_logged(admin: &Client) -> Vec<Value> {
    let errors = admin
        .get("/v1/errors?service=inventory-svc")
        .await
        .expect(200);
    let items = errors["items"].as_array().expect("items");
    items
        .iter()
        .filter(|error| error["message"] == "dead letter")
        .cloned()
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_poison_event_is_given_up_kept_and_shown_to_operators() {
    let shop = Shop::open().await;
    let admin = shop.admin().await;
    shop.product(&admin, "HEART", 255, 10).await;
    let buyer = shop.customer().await;
    let tap = Tap::on(&shop, INVENTORY_ORDERS).await;
    let id = Uuid::now_v7();
    let body = poison(id);
    tap.put(&id.to_string(), &body).await;

    // It holds nobody up meanwhile.
    buyer.order("1", &[("HEART", 1)]).await.expect(201);
    shop.settle().await;

    let mut found = None;
    until("it is among the dead letters", async || {
        found = tap.dead_letter().await;
        found.is_some()
    })
    .await;
    let letter = found.expect("a dead letter");
    assert_eq!(letter.data, body, "as it came, so that it can be replayed");
    assert_eq!(
        letter
            .properties
            .message_id()
            .as_ref()
            .map(|id| id.as_str()),
        Some(&*id.to_string())
    );
    assert_eq!(header(&letter, "x-queue"), tap.name());
    assert_eq!(header(&letter, "x-attempts"), "5");
    let reason = header(&letter, "x-error");
    assert!(
        reason.contains("order_id") || reason.contains("UUID"),
        "{reason}"
    );
    assert!(tap.dead_letter().await.is_none(), "once");

    let mut logged = Vec::new();
    until("operators see it", async || {
        logged = dead_letters_logged(&admin).await;
        !logged.is_empty()
    })
    .await;
    let [error] = &*logged else {
        panic!("{logged:#?}");
    };
    assert_eq!(error["fields"]["queue"], tap.name());
    assert_eq!(error["fields"]["event.id"], id.to_string());
    assert_eq!(error["fields"]["event.kind"], "order.created.v1");
    assert_eq!(error["target"], "chassis::amqp::consumer");
    shop.check_invariants().await;
    shop.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_event_is_given_up_at_once() {
    let shop = Shop::open().await;
    let admin = shop.admin().await;
    let tap = Tap::on(&shop, INVENTORY_ORDERS).await;
    tap.put("garbage", b"card 4111 1111 1111 1111").await;
    let mut found = None;
    until("it is among the dead letters", async || {
        found = tap.dead_letter().await;
        found.is_some()
    })
    .await;
    let letter = found.expect("a dead letter");
    assert_eq!(letter.data, b"card 4111 1111 1111 1111");
    assert!(header(&letter, "x-error").contains("no CloudEvent"));
    let mut logged = Vec::new();
    until("operators see it", async || {
        logged = dead_letters_logged(&admin).await;
        !logged.is_empty()
    })
    .await;
    // But not what was in it.
    assert!(!json!(logged).to_string().contains("4111"), "{logged:#?}");
    shop.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn errors_are_for_operators_only() {
    let shop = Shop::open().await;
    shop.visitor()
        .get("/v1/errors")
        .await
        .expect_problem(401, "unauthenticated");
    let buyer = shop.customer().await;
    buyer
        .get("/v1/errors")
        .await
        .expect_problem(403, "forbidden");
    let admin = shop.admin().await;
    let staff = shop.staff(&admin).await;
    staff
        .get("/v1/errors")
        .await
        .expect_problem(403, "forbidden");
    let errors = admin.get("/v1/errors").await.expect(200);
    assert_eq!(
        errors,
        json!({"items": [], "next": null}),
        "a shop at rest logs no error"
    );
    shop.close().await;
}
