//! Stock movements, over REST.

use futures::future::join_all;
use serde_json::{Value, json};

use crate::{
    common::Shop,
    support::{check_stock, column, levels},
};

#[tokio::test(flavor = "multi_thread")]
async fn goods_come_in_and_counts_are_corrected_but_not_below_what_orders_hold() {
    let shop = Shop::open().await;
    let admin = shop.admin().await;
    shop.product(&admin, "A", 100, 0).await;
    let path = "/v1/products/A/stock-movements";

    let stock = admin.post(path, movement("receipt", 10)).await.expect(201);
    assert_eq!(
        stock,
        json!({"on_hand": 10, "reserved": 0, "available": 10})
    );
    let buyer = shop.customer().await;
    buyer.order("1", &[("A", 6)]).await.expect(201);
    let stock = admin
        .post(path, movement("adjustment", -3))
        .await
        .expect(201);
    assert_eq!(stock, json!({"on_hand": 7, "reserved": 6, "available": 1}));
    admin
        .post(path, movement("adjustment", -2))
        .await
        .expect_problem(409, "stock-is-reserved");
    admin
        .post(path, movement("adjustment", -8))
        .await
        .expect_problem(409, "stock-is-reserved");
    assert_eq!(levels(&admin, "A").await, (7, 6, 1));
    let stock = admin
        .post(path, movement("adjustment", -1))
        .await
        .expect(201);
    assert_eq!(stock, json!({"on_hand": 6, "reserved": 6, "available": 0}));
    let stock = admin
        .post(path, movement("adjustment", 4))
        .await
        .expect(201);
    assert_eq!(stock, json!({"on_hand": 10, "reserved": 6, "available": 4}));
    shop.check_invariants().await;

    // Newest first, with who did it and why; page by page.
    let me = admin.id().await.to_string();
    let stock = admin.get("/v1/products/A/stock?limit=3").await.expect(200);
    let movements = &stock["movements"];
    assert_eq!(column(movements, "on_hand_delta"), [4, -1, -3]);
    assert_eq!(column(movements, "kind"), ["adjustment"; 3]);
    assert_eq!(column(movements, "actor"), [me.as_str(); 3]);
    assert_eq!(column(movements, "reason"), ["count"; 3]);
    let next = movements["next"].as_str().unwrap();
    let stock = admin
        .get(&format!("/v1/products/A/stock?limit=3&after={next}"))
        .await
        .expect(200);
    let movements = &stock["movements"];
    assert_eq!(column(movements, "kind"), ["reservation", "receipt"]);
    assert_eq!(column(movements, "reserved_delta"), [6, 0]);
    assert_eq!(column(movements, "actor"), [Value::Null, json!(me)]);
    assert_eq!(movements["next"], Value::Null);
    shop.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_movement_is_booked_once_by_one_key() {
    let shop = Shop::open().await;
    let admin = shop.admin().await;
    shop.product(&admin, "A", 100, 0).await;
    shop.product(&admin, "B", 100, 0).await;
    let path = "/v1/products/A/stock-movements";

    let answers =
        join_all((0..20).map(|_| admin.post_once(path, "1", movement("receipt", 10)))).await;
    let firsts = answers.iter().filter(|answer| !answer.is_replay()).count();
    assert_eq!(firsts, 1);
    for answer in answers {
        assert_eq!(
            answer.expect(201),
            json!({"on_hand": 10, "reserved": 0, "available": 10})
        );
    }
    // The first answer, whatever happened since.
    admin
        .post(path, movement("adjustment", -4))
        .await
        .expect(201);
    let again = admin
        .post_once(path, "\"1\"", movement("receipt", 10))
        .await;
    assert!(again.is_replay());
    assert_eq!(again.expect(201)["on_hand"], 10);
    assert_eq!(levels(&admin, "A").await, (6, 0, 6));

    for (path, body) in [
        (path, movement("receipt", 11)),
        (path, movement("adjustment", 10)),
        ("/v1/products/B/stock-movements", movement("receipt", 10)),
    ] {
        admin
            .post_once(path, "1", body)
            .await
            .expect_problem(422, "idempotency-key-reused");
    }
    // A failure is not kept.
    let down = || admin.post_once(path, "2", movement("adjustment", -7));
    down().await.expect_problem(409, "stock-is-reserved");
    admin.post(path, movement("receipt", 1)).await.expect(201);
    assert_eq!(down().await.expect(201)["on_hand"], 0);
    check_stock(&shop).await;
    shop.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_movement_is_refused_by_the_name_of_its_field() {
    let shop = Shop::open().await;
    let admin = shop.admin().await;
    shop.product(&admin, "A", 100, 5).await;
    let path = "/v1/products/A/stock-movements";

    let because = |reason: Value| json!({"kind": "receipt", "quantity": 1, "reason": reason});
    for (body, field) in [
        (movement("receipt", 0), "quantity"),
        (movement("receipt", -1), "quantity"),
        (movement("receipt", 1_000_000_001), "quantity"),
        (movement("adjustment", 0), "quantity"),
        (movement("adjustment", -1_000_000_001), "quantity"),
        (movement("theft", 1), "kind"),
        (json!({"kind": "receipt", "quantity": "1"}), "quantity"),
        (json!({"kind": "receipt"}), "quantity"),
        (json!({"quantity": 1}), "kind"),
        (because(json!("x".repeat(501))), "reason"),
        (because(json!(7)), "reason"),
    ] {
        admin.post(path, body).await.expect_field(field);
    }
    admin
        .post(path, because(json!("a\u{0}b")))
        .await
        .expect_field("reason");
    for unknown in ["B", "not%20a%20SKU"] {
        let path = format!("/v1/products/{unknown}/stock");
        admin.get(&path).await.expect_problem(404, "not-found");
        let book = format!("{path}-movements");
        admin
            .post(&book, movement("receipt", 1))
            .await
            .expect_problem(404, "not-found");
    }
    assert_eq!(levels(&admin, "A").await, (5, 0, 5));
    check_stock(&shop).await;
    shop.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn many_movements_and_orders_at_once_add_up() {
    let shop = Shop::open().await;
    let admin = shop.admin().await;
    shop.product(&admin, "A", 100, 100).await;
    let buyer = shop.customer().await;
    let book = join_all((0..20).map(|n| {
        let admin = admin.clone();
        async move {
            let body = movement("adjustment", if n % 2 == 0 { 5 } else { -3 });
            let answer = admin.post("/v1/products/A/stock-movements", body).await;
            assert!(answer.status == 201 || answer.status == 409, "{answer:?}");
            if answer.status == 409 {
                0
            } else if n % 2 == 0 {
                5
            } else {
                -3
            }
        }
    }));
    let order = join_all((0..20).map(|n| {
        let buyer = buyer.clone();
        async move {
            buyer
                .order_in_the_end(&n.to_string(), &[("A", 4)])
                .await
                .expect(201)
        }
    }));
    let (booked, orders) = tokio::join!(book, order);
    shop.check_invariants().await;
    let on_hand = 100 + booked.iter().sum::<i64>();
    let reserved = 4 * i64::try_from(orders.len()).unwrap();
    assert_eq!(
        levels(&admin, "A").await,
        (on_hand, reserved, on_hand - reserved)
    );
    shop.close().await;
}

fn movement(kind: &str, quantity: i64) -> Value {
    json!({"kind": kind, "quantity": quantity, "reason": "count"})
}
