//! What a product says beside its name and price, and the list that is searched.

use serde_json::{Value, json};

use crate::{
    common::{Client, Shop, broker::Subscriber},
    support::{check_catalogue, column},
};

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_said_stays_and_null_takes_it_away() {
    let shop = Shop::open().await;
    let admin = shop.admin().await;
    let subscriber = Subscriber::open(&shop, "inventory.product_changed.v1").await;
    shop.product(&admin, "PLAIN", 100, 0).await;
    let plain = admin.get("/v1/products/PLAIN").await.expect(200);
    assert_eq!(said(&plain), (Value::Null, Value::Null, json!(0)));

    let added = add(
        &admin,
        "A",
        json!({"category": " Mugs ", "low_threshold": 0, "backorder_limit": 7}),
    )
    .await;
    assert_eq!(said(&added), (json!("Mugs"), json!(0), json!(7)));
    assert_eq!(added["available"], 7);
    for (patch, expected) in [
        (json!({}), (json!("Mugs"), json!(0), json!(7))),
        (json!({"name": "Mug"}), (json!("Mugs"), json!(0), json!(7))),
        (
            json!({"category": "Cups", "low_threshold": 3}),
            (json!("Cups"), json!(3), json!(7)),
        ),
        (
            json!({"backorder_limit": 2, "category": null}),
            (Value::Null, json!(3), json!(2)),
        ),
        (
            json!({"low_threshold": null}),
            (Value::Null, Value::Null, json!(2)),
        ),
        (
            json!({"backorder_limit": 0, "category": "Tins", "low_threshold": 1_000_000_000}),
            (json!("Tins"), json!(1_000_000_000), json!(0)),
        ),
    ] {
        let changed = admin
            .patch("/v1/products/A", patch.clone())
            .await
            .expect(200);
        assert_eq!(said(&changed), expected, "{patch}");
        assert_eq!(admin.get("/v1/products/A").await.expect(200), changed);
    }
    let stock = admin.get("/v1/products/A/stock").await.expect(200);
    assert_eq!(
        (&stock["low_threshold"], &stock["backorder_limit"]),
        (&json!(1_000_000_000), &json!(0))
    );

    // A product that comes back says nothing of what it said before.
    admin.delete("/v1/products/A").await.expect(204);
    let back = add(&admin, "A", json!({})).await;
    assert_eq!(said(&back), (Value::Null, Value::Null, json!(0)));
    check_catalogue(&shop).await;

    subscriber
        .wait_for("the last event", |all| all.len() == 10)
        .await;
    let told: Vec<Value> = subscriber
        .received()
        .iter()
        .map(|message| message.event()["data"]["category"].clone())
        .collect();
    let none = Value::Null;
    assert_eq!(
        told,
        [
            none.clone(),
            json!("Mugs"),
            json!("Mugs"),
            json!("Mugs"),
            json!("Cups"),
            none.clone(),
            none.clone(),
            json!("Tins"),
            json!("Tins"),
            none,
        ]
    );
    shop.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_value_is_refused_by_the_name_of_its_field() {
    let shop = Shop::open().await;
    let admin = shop.admin().await;
    shop.product(&admin, "A", 100, 0).await;
    for (field, value) in [
        ("category", json!("")),
        ("category", json!(" ")),
        ("category", json!("a\nb")),
        ("category", json!("x".repeat(101))),
        ("category", json!(7)),
        ("low_threshold", json!(-1)),
        ("low_threshold", json!(1_000_000_001)),
        ("low_threshold", json!(1.5)),
        ("low_threshold", json!("1")),
        ("backorder_limit", json!(-1)),
        ("backorder_limit", json!(1_000_000_001)),
        ("backorder_limit", json!("1")),
    ] {
        let mut body = json!({"sku": "B", "name": "b", "price": {"amount": 1, "currency": "GBP"}});
        body[field] = value.clone();
        admin.post("/v1/products", body).await.expect_field(field);
        let mut patch = json!({});
        patch[field] = value;
        admin
            .patch("/v1/products/A", patch)
            .await
            .expect_field(field);
    }
    let body = json!({"sku": "import", "name": "b", "price": {"amount": 1, "currency": "GBP"}});
    admin.post("/v1/products", body).await.expect_field("sku");
    assert_eq!(admin.get("/v1/products/A").await.expect(200)["version"], 1);
    shop.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_list_shows_those_to_which_everything_applies() {
    let shop = Shop::open().await;
    let admin = shop.admin().await;
    for (sku, name, category, backorder_limit) in [
        ("M-1", "Red mug", "Mugs", 1),
        ("M-2", "Blue mug", "Mugs", 0),
        ("m-3", "Mug tree", "Racks", 1),
        ("M_4", "Green mug", "mugs", 1),
        ("N-1", "Mug", "Mugs & cups", 0),
    ] {
        let more = json!({"name": name, "category": category, "backorder_limit": backorder_limit});
        add(&admin, sku, more).await;
    }
    shop.product(&admin, "X", 100, 1).await;
    let visitor = shop.visitor();
    for (query, expected) in [
        ("category=Mugs", &["M-1", "M-2"][..]),
        ("category=%20Mugs%20", &["M-1", "M-2"]),
        ("category=Mugs%20%26%20cups", &["N-1"]),
        ("category=Mug%25", &[]),
        ("category=", &["M-1", "M-2", "M_4", "N-1", "X", "m-3"]),
        ("in_stock=true", &["M-1", "M_4", "X", "m-3"]),
        ("in_stock=false", &["M-2", "N-1"]),
        ("sku=m-", &["M-1", "M-2", "m-3"]),
        ("sku=M_", &["M_4"]),
        ("sku=-1", &[]),
        ("sku=%25", &[]),
        ("q=mug&category=Mugs", &["M-1", "M-2"]),
        ("q=mug&in_stock=true&sku=m", &["M-1", "M_4", "m-3"]),
        ("q=red&category=Racks", &[]),
        ("q=mug&category=Mugs&in_stock=false&sku=M-2", &["M-2"]),
    ] {
        let found = visitor
            .get(&format!("/v1/products?{query}"))
            .await
            .expect(200);
        let mut skus = column(&found, "sku");
        skus.sort_by_key(Value::to_string);
        assert_eq!(skus, expected, "{query}");
    }
    for (query, field) in [("category=a%00", "category"), ("in_stock=yes", "in_stock")] {
        visitor
            .get(&format!("/v1/products?{query}"))
            .await
            .expect_field(field);
    }
    // Page by page.
    let first = visitor
        .get("/v1/products?q=mug&in_stock=true&limit=2")
        .await
        .expect(200);
    let next = first["next"].as_str().unwrap();
    let second = visitor
        .get(&format!(
            "/v1/products?q=mug&in_stock=true&limit=2&after={next}"
        ))
        .await
        .expect(200);
    let mut skus = column(&first, "sku");
    skus.extend(column(&second, "sku"));
    skus.sort_by_key(Value::to_string);
    assert_eq!(
        (skus, &second["next"]),
        (vec![json!("M-1"), json!("M_4"), json!("m-3")], &Value::Null)
    );
    shop.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_list_is_never_behind() {
    let shop = Shop::open().await;
    let admin = shop.admin().await;
    let visitor = shop.visitor();
    let seen = async || {
        let list = visitor.get("/v1/products").await.expect(200);
        let one = visitor.get("/v1/products/A").await;
        match list["items"].as_array().unwrap().as_slice() {
            [] => {
                one.expect_problem(404, "not-found");
                None
            }
            [listed] => {
                assert_eq!(*listed, one.expect(200));
                let which = if listed["available"] == 0 {
                    "false"
                } else {
                    "true"
                };
                let found = visitor
                    .get(&format!("/v1/products?in_stock={which}"))
                    .await
                    .expect(200);
                assert_eq!(column(&found, "sku"), ["A"]);
                Some(listed["available"].as_i64().unwrap())
            }
            more => panic!("{more:?}"),
        }
    };
    let book = async |kind: &str, quantity: i64| {
        let body = json!({"kind": kind, "quantity": quantity, "reason": "count"});
        admin
            .post("/v1/products/A/stock-movements", body)
            .await
            .expect(201);
    };
    assert_eq!(seen().await, None);
    add(&admin, "A", json!({})).await;
    assert_eq!(seen().await, Some(0));
    book("receipt", 2).await;
    assert_eq!(seen().await, Some(2));
    book("adjustment", -2).await;
    assert_eq!(seen().await, Some(0));
    for (limit, available) in [(3, 3), (0, 0), (4, 4)] {
        let patch = json!({"backorder_limit": limit});
        admin.patch("/v1/products/A", patch).await.expect(200);
        assert_eq!(seen().await, Some(available));
    }
    let patch =
        json!({"name": "other", "category": "c", "price": {"amount": 7, "currency": "EUR"}});
    admin.patch("/v1/products/A", patch).await.expect(200);
    assert_eq!(seen().await, Some(4));
    admin.delete("/v1/products/A").await.expect(204);
    assert_eq!(seen().await, None);
    add(&admin, "A", json!({})).await;
    assert_eq!(seen().await, Some(0));
    check_catalogue(&shop).await;
    shop.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn as_many_are_sold_beyond_what_is_on_hand_as_the_limit_allows() {
    let shop = Shop::open().await;
    let admin = shop.admin().await;
    shop.product(&admin, "A", 100, 2).await;
    let limit = |limit: i64| admin.patch("/v1/products/A", json!({"backorder_limit": limit}));
    let buyer = shop.customer().await;
    buyer
        .order("1", &[("A", 3)])
        .await
        .expect_problem(409, "insufficient-stock");
    assert_eq!(limit(3).await.expect(200)["available"], 5);
    buyer.order("2", &[("A", 4)]).await.expect(201);
    let problem = buyer
        .order("3", &[("A", 2)])
        .await
        .expect_problem(409, "insufficient-stock");
    assert_eq!(problem["items"][0]["available"], 1);

    // Two pieces are owed: the limit does not go below them, nor does the count.
    let problem = limit(1).await.expect_problem(409, "stock-is-reserved");
    assert!(
        problem["detail"]
            .as_str()
            .unwrap()
            .contains("backorder_limit")
    );
    let seen = admin.get("/v1/products/A").await.expect(200);
    assert_eq!(
        (&seen["backorder_limit"], &seen["version"]),
        (&json!(3), &json!(2))
    );
    assert_eq!(limit(2).await.expect(200)["available"], 0);
    let book = |quantity: i64| {
        let body = json!({"kind": "adjustment", "quantity": quantity, "reason": "count"});
        admin.post("/v1/products/A/stock-movements", body)
    };
    book(-1).await.expect_problem(409, "stock-is-reserved");
    // A product that comes back without its limit would be oversold.
    admin.delete("/v1/products/A").await.expect(204);
    let body = json!({"sku": "A", "name": "a", "price": {"amount": 1, "currency": "GBP"}});
    admin
        .post("/v1/products", body)
        .await
        .expect_problem(409, "stock-is-reserved");
    add(&admin, "A", json!({"backorder_limit": 2})).await;
    book(2).await.expect(201);
    assert_eq!(limit(0).await.expect(200)["available"], 0);
    shop.check_invariants().await;
    shop.close().await;
}

/// Category, threshold and limit.
fn said(product: &Value) -> (Value, Value, Value) {
    let said = |name: &str| product.get(name).unwrap().clone();
    (
        said("category"),
        said("low_threshold"),
        said("backorder_limit"),
    )
}

async fn add(admin: &Client, sku: &str, more: Value) -> Value {
    let mut body = json!({"sku": sku, "name": sku, "price": {"amount": 100, "currency": "GBP"}});
    for (field, value) in more.as_object().unwrap() {
        body[field] = value.clone();
    }
    admin.post("/v1/products", body).await.expect(201)
}
