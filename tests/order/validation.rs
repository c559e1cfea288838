//! What is not an order.

use reqwest::Method;
use serde_json::{Value, json};

use crate::common::{Answer, Client, Shop};

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_request_is_refused_by_the_name_of_its_field_and_holds_nothing() {
    let shop = Shop::open().await;
    let admin = shop.admin().await;
    shop.product(&admin, "A", 255, 10).await;
    shop.product(&admin, "B", 255, 10).await;
    shop.product(&admin, "GONE", 255, 10).await;
    admin.delete("/v1/products/GONE").await.expect(204);
    let euros = json!({"sku": "EURO", "name": "euro", "price": {"amount": 1, "currency": "EUR"}});
    admin.post("/v1/products", euros).await.expect(201);
    let buyer = shop.customer().await;

    let line = |sku: &str, quantity: Value| json!({"sku": sku, "quantity": quantity});
    let lines = |lines: &[Value]| json!({"lines": lines});
    let one = |quantity: Value| lines(&[line("A", quantity)]);
    let using = |incentive: Value| json!({"lines": [line("A", json!(1))], "incentive": incentive});
    let many: Vec<Value> = (0..2_001).map(|_| line("A", json!(1))).collect();
    for (body, field) in [
        (lines(&[]), "lines"),
        (lines(&many), "lines"),
        (one(json!(0)), "lines[0].quantity"),
        (one(json!(-1)), "lines[0].quantity"),
        (one(json!(1_000_001)), "lines[0].quantity"),
        (one(json!(i64::MAX)), "lines[0].quantity"),
        (one(json!(u64::MAX)), "lines[0].quantity"),
        (one(json!(1.5)), "lines[0].quantity"),
        (one(json!("1")), "lines[0].quantity"),
        (one(Value::Null), "lines[0].quantity"),
        // Together too many.
        (
            lines(&[line("A", json!(1_000_000)), line("A", json!(1))]),
            "lines[1].quantity",
        ),
        (
            lines(&[line("A", json!(1)), line("UNKNOWN", json!(1))]),
            "lines[1].sku",
        ),
        (
            lines(&[line("A", json!(1)), line("GONE", json!(1))]),
            "lines[1].sku",
        ),
        (
            lines(&[line("A", json!(1)), line("EURO", json!(1))]),
            "lines[1].sku",
        ),
        (lines(&[line("not a SKU", json!(1))]), "lines[0].sku"),
        (lines(&[line("", json!(1))]), "lines[0].sku"),
        (lines(&[line("A\u{0}", json!(1))]), "lines[0].sku"),
        // The line is the caller's, however many lines were summed before it.
        (
            lines(&[
                line("A", json!(1)),
                line("A", json!(1)),
                line("UNKNOWN", json!(1)),
            ]),
            "lines[2].sku",
        ),
        (
            lines(&[
                line("A", json!(1)),
                line("A", json!(1)),
                line("not a SKU", json!(1)),
            ]),
            "lines[2].sku",
        ),
        (
            json!({"lines": [{"sku": 7, "quantity": 1}]}),
            "lines[0].sku",
        ),
        (json!({"lines": [{"sku": "A"}]}), "lines[0].quantity"),
        (
            json!({"lines": [line("A", json!(1)), {"quantity": 1}]}),
            "lines[1].sku",
        ),
        (
            json!({"lines": [{"sku": "A", "quantity": 1, "colour": "red"}]}),
            "lines[0].colour",
        ),
        (json!({"lines": "A"}), "lines"),
        (json!({"lines": ["A"]}), "lines[0]"),
        (json!({}), "lines"),
        (
            json!({"lines": [line("A", json!(1))], "note": "quick!"}),
            "note",
        ),
        (json!([]), "body"),
        (
            using(json!({"discount_code": "UNKNOWN"})),
            "incentive.discount_code",
        ),
        (
            using(json!({"discount_code": 7})),
            "incentive.discount_code",
        ),
        (
            using(json!({"redeem_points": -1})),
            "incentive.redeem_points",
        ),
        (
            using(json!({"redeem_points": 1})),
            "incentive.redeem_points",
        ),
        (
            using(json!({"redeem_points": "1"})),
            "incentive.redeem_points",
        ),
        (using(json!({"coupon": "A"})), "incentive.coupon"),
        (using(json!("A")), "incentive"),
    ] {
        let answer = order(&buyer, body.to_string()).await;
        let fields: Vec<_> = answer.body["errors"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|error| error["field"].clone())
            .collect();
        assert_eq!(
            (answer.status.as_u16(), fields),
            (422, vec![json!(field)]),
            "{body:.200}: {:#}",
            answer.body
        );
        let problem = answer.expect_problem(422, "validation");
        assert_eq!(problem["status"], 422);
        assert!(
            problem["instance"]
                .as_str()
                .is_some_and(|urn| urn.starts_with("urn:request:")),
            "{problem:#}"
        );
        for member in ["title", "detail"] {
            assert!(
                problem[member]
                    .as_str()
                    .is_some_and(|text| !text.is_empty()),
                "{problem:#}"
            );
        }
    }

    for malformed in [
        "",
        "{",
        "lines",
        r#"{"lines":[}"#,
        r#"{"lines":[{"sku":"A","quantity":1}]} more"#,
    ] {
        order(&buyer, malformed.to_owned())
            .await
            .expect_problem(400, "bad-request");
    }

    // Each unknown SKU is named.
    let body = lines(&[
        line("X", json!(1)),
        line("A", json!(1)),
        line("Y", json!(1)),
    ]);
    let problem = order(&buyer, body.to_string())
        .await
        .expect_problem(422, "validation");
    let fields: Vec<_> = problem["errors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|error| &error["field"])
        .collect();
    assert_eq!(fields, ["lines[0].sku", "lines[2].sku"]);

    let held: i64 = sqlx::query_scalar("select count(*) from holds")
        .fetch_one(shop.inventory())
        .await
        .unwrap();
    assert_eq!(held, 0);
    shop.check_invariants().await;
    shop.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_sku_that_is_short_is_named_with_what_there_is() {
    let shop = Shop::open().await;
    let admin = shop.admin().await;
    for (sku, stock) in [("A", 1), ("B", 5), ("C", 0)] {
        shop.product(&admin, sku, 100, stock).await;
    }
    let buyer = shop.customer().await;

    let problem = buyer
        .order("1", &[("C", 1), ("A", 1), ("B", 5), ("A", 1)])
        .await
        .expect_problem(409, "insufficient-stock");
    let short = json!([
        {"sku": "C", "requested": 1, "available": 0},
        {"sku": "A", "requested": 2, "available": 1},
    ]);
    assert_eq!(problem["items"], short);
    // All or nothing: what would have been enough is still there.
    let product = buyer.get("/v1/products/B").await.expect(200);
    assert_eq!(product["available"], 5);

    let order = buyer
        .order("2", &[("B", 2), ("A", 1), ("B", 3)])
        .await
        .expect(201);
    let lines: Vec<_> = order["lines"]
        .as_array()
        .unwrap()
        .iter()
        .map(|line| {
            (
                line["sku"].as_str().unwrap(),
                line["quantity"].as_i64().unwrap(),
            )
        })
        .collect();
    assert_eq!(lines, [("B", 5), ("A", 1)]);
    shop.check_invariants().await;
    shop.close().await;
}

async fn order(buyer: &Client, body: String) -> Answer {
    let request = buyer
        .request(Method::POST, "/v1/orders")
        .header("idempotency-key", "bad")
        .header("content-type", "application/json")
        .body(body);
    Client::send(request).await
}
