//! Codes and points follow their order: placed, cut down, delivered, returned, cancelled.

use chassis::amqp::outbox;
use chrono::Utc;
use order_svc::domain::Line;
use proto::{
    cloudevents::CloudEvent,
    events::order::{self, OrderData, Status},
};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    common::{Client, Shop, broker::Subscriber, until},
    support::{check_stock, levels},
};

/// The order as its newest event tells it, and what would be told of it next.
struct Told {
    data: OrderData,
    kind: String,
}

impl Told {
    async fn newest(shop: &Shop, order: &Value) -> Self {
        let (kind, data): (String, Vec<u8>) = sqlx::query_as(
            "select kind, data from order_events where order_id = $1 order by version desc limit 1",
        )
        .bind(order["id"].as_str().unwrap().parse::<Uuid>().unwrap())
        .fetch_one(shop.order())
        .await
        .unwrap();
        Self {
            data: serde_json::from_slice(&data).unwrap(),
            kind,
        }
    }

    /// Publishes the order with this change, as order-svc does: by its outbox.
    async fn next(&mut self, shop: &Shop, kind: &str, change: impl FnOnce(&mut OrderData)) {
        let data = &mut self.data;
        change(data);
        data.version += 1;
        let lines: Vec<Line> = data
            .lines
            .iter()
            .map(|line| Line {
                sku: line.sku.clone(),
                name: line.name.clone(),
                quantity: line.quantity,
                unit_price: line.unit_price,
                discount: line.discount,
                points_value: line.points_value,
                cancelled_quantity: line.cancelled_quantity,
                returned_quantity: line.returned_quantity,
                restocked_quantity: line.restocked_quantity,
            })
            .collect();
        data.total = lines.iter().map(Line::total).sum();
        let kept = lines.iter().map(|line| line.cost_of(line.kept()));
        let (net, spent) = kept.fold((0, 0), |(net, spent), cost| {
            (net + cost.total, spent + cost.points_value)
        });
        data.net = Some(net);
        data.points_returned = data.points_redeemed - spent;
        data.refunded = data.total - net;
        let event = CloudEvent::new(
            order::SOURCE,
            kind,
            data.order_id,
            Some(data.version),
            Utc::now(),
            data,
        )
        .unwrap();
        let mut connection = shop.order().acquire().await.unwrap();
        outbox::append(&mut connection, vec![event]).await.unwrap();
        let (id, version) = (data.order_id, data.version);
        until("inventory-svc has followed", async || {
            followed(shop, id).await >= version
        })
        .await;
    }
}

async fn followed(shop: &Shop, order_id: Uuid) -> i64 {
    sqlx::query_scalar("select coalesce(max(version), 0) from followed_orders where order_id = $1")
        .bind(order_id)
        .fetch_one(shop.inventory())
        .await
        .unwrap()
}

async fn confirmed(shop: &Shop, order: &Value) -> Told {
    let id = order["id"].as_str().unwrap().parse().unwrap();
    until("it is confirmed, and that is known", async || {
        followed(shop, id).await >= 2
    })
    .await;
    Told::newest(shop, order).await
}

/// Balance and pending points.
async fn points(buyer: &Client) -> (i64, i64) {
    let account = buyer.get("/v1/loyalty").await.expect(200);
    assert_eq!(account["held"], 0);
    (
        account["balance"].as_i64().unwrap(),
        account["pending"].as_i64().unwrap(),
    )
}

async fn used(admin: &Client) -> i64 {
    let code = admin.get("/v1/discount-codes/TEN").await.expect(200);
    code["used"].as_i64().unwrap()
}

async fn open() -> (Shop, Client, Client) {
    let shop = Shop::open().await;
    let admin = shop.admin().await;
    shop.product(&admin, "A", 1_000, 100).await;
    shop.product(&admin, "B", 500, 100).await;
    let code = json!({"code": "TEN", "kind": "percent", "value": 10, "max_uses": 5});
    admin.post("/v1/discount-codes", code).await.expect(201);
    let buyer = shop.customer().await;
    let grant = format!("/v1/loyalty/{}/adjustments", buyer.id().await);
    let welcome = json!({"points": 300, "reason": "welcome"});
    admin.post(&grant, welcome).await.expect(201);
    (shop, admin, buyer)
}

fn basket() -> Value {
    json!({
        "lines": [{"sku": "A", "quantity": 3}, {"sku": "B", "quantity": 2}],
        "incentive": {"discount_code": "ten", "redeem_points": 300},
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_with_a_code_and_points_is_quoted_placed_cut_down_delivered_and_returned() {
    let (shop, admin, buyer) = open().await;
    let subscriber = Subscriber::open(&shop, "incentive.#").await;

    let quote = buyer.post("/v1/orders/quote", basket()).await.expect(200);
    assert_eq!(points(&buyer).await, (300, 0));
    assert_eq!(
        (used(&admin).await, levels(&admin, "A").await),
        (0, (100, 0, 100))
    );
    let order = buyer
        .post_once("/v1/orders", "one", basket())
        .await
        .expect(201);
    for field in ["subtotal", "discount", "points_redeemed", "total"] {
        assert_eq!(quote[field], order[field], "{field}");
    }
    assert_eq!(
        (
            &order["subtotal"],
            &order["discount"],
            &order["points_redeemed"],
            &order["total"]
        ),
        (&json!(4_000), &json!(400), &json!(300), &json!(3_300))
    );
    assert_eq!(quote["earns"], 33);
    assert_eq!(order["incentive"]["discount_code"], "TEN");
    let mut told = confirmed(&shop, &order).await;
    assert_eq!(told.kind, order::CONFIRMED);
    assert_eq!(
        told.data.lines[0].discount + told.data.lines[1].discount,
        400
    );
    assert_eq!((points(&buyer).await, used(&admin).await), ((0, 33), 1));

    // One A of three less: 1000, less a third of its discount of 300 and of the points' 225.
    told.next(&shop, order::UPDATED, |data| {
        data.lines[0].cancelled_quantity = 1
    })
    .await;
    assert_eq!((told.data.total, told.data.points_returned), (2_475, 75));
    assert_eq!((points(&buyer).await, used(&admin).await), ((75, 24), 1));
    assert_eq!(levels(&admin, "A").await, (100, 2, 98));

    told.next(&shop, order::SHIPPED, |data| data.status = Status::Shipped)
        .await;
    assert_eq!(levels(&admin, "A").await, (98, 0, 98));
    assert_eq!(points(&buyer).await, (75, 24));
    told.next(&shop, order::DELIVERED, |data| {
        data.status = Status::Delivered
    })
    .await;
    assert_eq!(points(&buyer).await, (99, 0));

    // One A comes back into stock, one B does not.
    told.next(&shop, order::RETURNED, |data| {
        data.lines[0].returned_quantity = 1;
        data.lines[0].restocked_quantity = 1;
        data.lines[1].returned_quantity = 1;
    })
    .await;
    assert_eq!(levels(&admin, "A").await, (99, 0, 99));
    assert_eq!(levels(&admin, "B").await, (98, 0, 98));
    assert_eq!(used(&admin).await, 1, "a return brings no use back");
    let net = told.data.net.unwrap();
    let earned = net / 100;
    assert_eq!(
        points(&buyer).await,
        (told.data.points_returned + earned, 0)
    );

    // The customer spends all of it; then the rest of the order comes back.
    let balance = points(&buyer).await.0;
    let spend =
        json!({"lines": [{"sku": "B", "quantity": 1}], "incentive": {"redeem_points": balance}});
    let second = buyer
        .post_once("/v1/orders", "two", spend)
        .await
        .expect(201);
    confirmed(&shop, &second).await;
    let pending = points(&buyer).await.1;
    told.next(&shop, order::RETURNED, |data| {
        data.lines[0].returned_quantity = 2;
        data.lines[1].returned_quantity = 2;
    })
    .await;
    assert_eq!(told.data.points_returned, 300);
    let (left, still_pending) = points(&buyer).await;
    assert!(left >= 0);
    assert_eq!(still_pending, pending);
    let withheld = |message: &crate::common::broker::Message| {
        message.event()["data"]["withheld"]
            .as_i64()
            .unwrap_or_default()
    };
    subscriber
        .wait_for("points that were spent are withheld", |all| {
            all.iter().map(withheld).sum::<i64>() > 0
        })
        .await;
    // What was earned and spent is withheld, and what was redeemed came back: nothing else moved.
    let withheld: i64 = subscriber.received().iter().map(withheld).sum();
    assert_eq!(withheld, earned);
    check_stock(&shop).await;
    shop.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancelled_order_gives_its_use_and_its_points_back_once() {
    let (shop, admin, buyer) = open().await;
    let order = buyer
        .post_once("/v1/orders", "one", basket())
        .await
        .expect(201);
    confirmed(&shop, &order).await;
    assert_eq!((points(&buyer).await, used(&admin).await), ((0, 33), 1));
    let cancel = format!("/v1/orders/{}/cancel", order["id"].as_str().unwrap());
    for _ in 0..2 {
        let cancelled = buyer.post(&cancel, json!({})).await.expect(200);
        assert_eq!(
            (&cancelled["total"], &cancelled["points_returned"]),
            (&json!(0), &json!(300))
        );
        until("all is back", async || {
            (points(&buyer).await, used(&admin).await) == ((300, 0), 0)
        })
        .await;
    }
    let ledger = buyer.get("/v1/loyalty").await.expect(200);
    let reasons: Vec<&str> = ledger["ledger"]["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| entry["reason"].as_str().unwrap())
        .collect();
    for once in [
        "held",
        "redeemed",
        "redemption_cancelled",
        "earned",
        "reversed",
        "adjustment",
    ] {
        assert_eq!(
            reasons.iter().filter(|reason| **reason == once).count(),
            1,
            "{once}: {reasons:?}"
        );
    }
    shop.check_invariants().await;
    shop.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_used_is_refused_by_its_field_and_a_quote_says_why() {
    let (shop, admin, buyer) = open().await;
    for (code, more) in [
        ("LATER", json!({"starts_at": "2099-01-01T00:00:00Z"})),
        (
            "OVER",
            json!({"starts_at": "2020-01-01T00:00:00Z", "ends_at": "2020-01-02T00:00:00Z"}),
        ),
        ("OFF", json!({"active": false})),
        ("DEAR", json!({"min_subtotal": 1_001})),
        ("OTHERS", json!({"skus": ["B"]})),
        ("ONCE", json!({"max_uses_per_customer": 1})),
    ] {
        let mut body = json!({"code": code, "kind": "percent", "value": 10});
        body.as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        admin.post("/v1/discount-codes", body).await.expect(201);
    }
    let asks =
        |incentive: Value| json!({"lines": [{"sku": "A", "quantity": 1}], "incentive": incentive});
    let once = asks(json!({"discount_code": "ONCE"}));
    buyer
        .post_once("/v1/orders", "once", once)
        .await
        .expect(201);
    for (code, kind) in [
        ("NOTHING", "unknown"),
        ("not a code", "unknown"),
        ("later", "not-started"),
        ("OVER", "ended"),
        ("OFF", "inactive"),
        ("DEAR", "subtotal-too-low"),
        ("OTHERS", "no-eligible-line"),
        ("ONCE", "used-up-by-customer"),
    ] {
        let body = asks(json!({"discount_code": code}));
        buyer
            .post_once("/v1/orders", code, body.clone())
            .await
            .expect_field("incentive.discount_code");
        let quote = buyer.post("/v1/orders/quote", body).await.expect(200);
        assert_eq!(quote["discount_code"]["applied"], false);
        assert_eq!(quote["discount_code"]["refused"]["kind"], kind, "{code}");
        assert_eq!(
            (&quote["discount"], &quote["total"]),
            (&json!(0), &json!(1_000))
        );
    }
    for (points, kind) in [(301, "not-enough-points"), (i64::MAX, "not-enough-points")] {
        let body = asks(json!({"redeem_points": points}));
        buyer
            .post_once("/v1/orders", &points.to_string(), body.clone())
            .await
            .expect_field("incentive.redeem_points");
        let quote = buyer.post("/v1/orders/quote", body).await.expect(200);
        assert_eq!(quote["points"]["refused"]["kind"], kind);
    }
    let cheap = json!({"lines": [{"sku": "B", "quantity": 1}], "incentive": {"discount_code": "OTHERS", "redeem_points": 300}});
    let order = buyer
        .post_once("/v1/orders", "cheap", cheap.clone())
        .await
        .expect(201);
    assert_eq!(order["total"], 500 - 50 - 300);
    // Now nothing is left.
    let quote = buyer.post("/v1/orders/quote", cheap).await.expect(200);
    assert_eq!(quote["points"]["refused"]["kind"], "not-enough-points");
    assert_eq!(quote["total"], 450);
    shop.check_invariants().await;
    shop.close().await;
}
