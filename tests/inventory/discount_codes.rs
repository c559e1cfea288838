//! Discount codes, over REST, as those who manage them see them.

use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    common::{Client, Shop, grpc},
    support::column,
};

const CODES: &str = "/v1/discount-codes";

fn percent(code: &str, value: i64) -> Value {
    json!({"code": code, "kind": "percent", "value": value})
}

/// The body with some fields more, or others.
fn with(mut body: Value, fields: Value) -> Value {
    let body_fields = body.as_object_mut().unwrap();
    body_fields.extend(fields.as_object().unwrap().clone());
    body
}

async fn used(shop: &Shop, code: &str, times: i64) {
    sqlx::query("update discount_codes set used = $2 where code = $1")
        .bind(code)
        .bind(times)
        .execute(shop.inventory())
        .await
        .unwrap();
}

/// What the code would be now, had it been made with these fields and changed never.
fn expected(seen: &Value, fields: Value) -> Value {
    let bare = json!({
        "max_discount": null, "min_subtotal": 0, "skus": null, "category": null, "starts_at": null, "ends_at": null,
        "max_uses": null, "max_uses_per_customer": null, "active": true, "used": 0, "batch_id": null, "version": 1,
        "created_at": seen["created_at"], "updated_at": seen["updated_at"],
    });
    with(bare, fields)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_is_added_seen_changed_and_removed() {
    let shop = Shop::open().await;
    let admin = shop.admin().await;
    let answer = admin.post(CODES, percent("Spring10", 10)).await;
    assert_eq!(
        answer.header("location"),
        Some("/v1/discount-codes/Spring10")
    );
    assert_eq!(answer.header("etag"), Some("\"1\""));
    let added = answer.expect(201);
    assert!(added["created_at"].is_string() && added["updated_at"].is_string());
    assert_eq!(added, expected(&added, percent("Spring10", 10)));

    let full = json!({
        "code": "WINTER_5-off", "kind": "percent", "value": 5, "max_discount": 1000, "min_subtotal": 5000,
        "skus": ["B", "85123A-255"], "starts_at": "2030-12-01T00:00:00Z", "ends_at": "2031-03-01T00:00:00.5Z",
        "max_uses": 100, "max_uses_per_customer": 2, "active": false,
    });
    let seen = admin.post(CODES, full.clone()).await.expect(201);
    let sorted = json!({"skus": ["85123A-255", "B"], "ends_at": "2031-03-01T00:00:00.500Z"});
    assert_eq!(seen, expected(&seen, with(full, sorted)));
    let fixed = json!({"code": "FIVER", "kind": "fixed", "value": 500, "category": " home "});
    let seen = admin.post(CODES, fixed.clone()).await.expect(201);
    assert_eq!(
        seen,
        expected(&seen, with(fixed, json!({"category": "home"})))
    );

    // The case does not count.
    for path in ["/v1/discount-codes/Spring10", "/v1/discount-codes/sPRING10"] {
        let answer = admin.get(path).await;
        assert_eq!(answer.header("etag"), Some("\"1\""));
        assert_eq!(answer.expect(200), added);
    }
    let path = "/v1/discount-codes/SPRING10";
    let change = json!({"value": 15, "max_uses": 3, "category": "home"});
    let answer = admin.patch(path, change.clone()).await;
    assert_eq!(answer.header("etag"), Some("\"2\""));
    let changed = answer.expect(200);
    assert_ne!(changed["updated_at"], added["updated_at"]);
    let changes = json!({"version": 2, "updated_at": changed["updated_at"]});
    assert_eq!(changed, with(with(added, change), changes));
    assert_eq!(admin.get(path).await.expect(200), changed);

    admin.delete(path).await.expect(204);
    for request in [
        admin.request(Method::GET, path),
        admin.request(Method::DELETE, path),
        admin.request(Method::PATCH, path).json(&json!({})),
        admin.request(Method::GET, "/v1/discount-codes/no.code"),
    ] {
        Client::send(request).await.expect_problem(404, "not-found");
    }
    // It was never used, so its name is free.
    admin.post(CODES, percent("SPRING10", 20)).await.expect(201);
    shop.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn null_clears_a_field_and_an_absent_one_stays() {
    let shop = Shop::open().await;
    let admin = shop.admin().await;
    let fields = json!({
        "max_discount": 1000, "min_subtotal": 5000, "skus": ["A"], "starts_at": "2030-12-01T00:00:00Z",
        "ends_at": "2031-03-01T00:00:00Z", "max_uses": 100, "max_uses_per_customer": 2, "active": false,
    });
    let full = with(percent("SPRING", 10), fields);
    admin.post(CODES, full.clone()).await.expect(201);
    let path = "/v1/discount-codes/SPRING";
    let same = admin.patch(path, json!({})).await.expect(200);
    assert_eq!(
        same,
        expected(&same, with(full.clone(), json!({"version": 2})))
    );
    // One at a time: what is not named stays.
    let mut now = full;
    for (version, (field, cleared)) in (3..).zip([
        ("max_discount", json!(null)),
        ("min_subtotal", json!(0)),
        ("skus", json!(null)),
        ("starts_at", json!(null)),
        ("ends_at", json!(null)),
        ("max_uses", json!(null)),
        ("max_uses_per_customer", json!(null)),
    ]) {
        let seen = admin.patch(path, json!({field: null})).await.expect(200);
        now[field] = cleared;
        now["version"] = json!(version);
        assert_eq!(seen, expected(&seen, now.clone()), "{field}");
    }
    // From SKUs to a category and back.
    let home = json!({"category": "home"});
    admin.patch(path, home).await.expect(200);
    let skus = json!({"skus": ["A"]});
    admin.patch(path, skus).await.expect_field("category");
    let skus = json!({"skus": ["A"], "category": null});
    let seen = admin.patch(path, skus).await.expect(200);
    assert_eq!(
        (&seen["skus"], &seen["category"]),
        (&json!(["A"]), &json!(null))
    );
    shop.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_code_is_refused_by_the_name_of_its_field() {
    let shop = Shop::open().await;
    let admin = shop.admin().await;
    let start = "2031-03-01T00:00:00Z";
    let many = vec!["A"; 201];
    for (fields, field) in [
        (json!({"code": "ab"}), "code"),
        (json!({"code": "x".repeat(41)}), "code"),
        (json!({"code": "a b c"}), "code"),
        (json!({"code": "-abc"}), "code"),
        (json!({"code": "=1+2"}), "code"),
        (json!({"code": 7}), "code"),
        (json!({"code": null}), "code"),
        (json!({"kind": "half"}), "kind"),
        (json!({"value": 0}), "value"),
        (json!({"value": 101}), "value"),
        (json!({"value": 1.5}), "value"),
        (json!({"kind": "fixed", "value": 0}), "value"),
        (json!({"kind": "fixed", "value": 1_000_000_001}), "value"),
        (json!({"max_discount": 0}), "max_discount"),
        (json!({"kind": "fixed", "max_discount": 5}), "max_discount"),
        (json!({"min_subtotal": -1}), "min_subtotal"),
        (json!({"skus": []}), "skus"),
        (json!({"skus": many}), "skus"),
        (json!({"skus": ["A", "a b"]}), "skus[1]"),
        (json!({"skus": "A"}), "skus"),
        (json!({"category": " "}), "category"),
        (json!({"category": "a\u{0}b"}), "category"),
        (json!({"skus": ["A"], "category": "home"}), "category"),
        (json!({"starts_at": "tomorrow"}), "starts_at"),
        (json!({"starts_at": start, "ends_at": start}), "ends_at"),
        (json!({"max_uses": 0}), "max_uses"),
        (json!({"max_uses_per_customer": 0}), "max_uses_per_customer"),
        (json!({"active": "yes"}), "active"),
        (json!({"used": 1}), "used"),
    ] {
        let body = with(percent("SPRING", 10), fields);
        admin.post(CODES, body).await.expect_field(field);
    }
    let kindless = json!({"code": "SPRING", "value": 10});
    admin.post(CODES, kindless).await.expect_field("kind");

    let code = with(
        percent("SPRING", 10),
        json!({"starts_at": start, "max_uses": 10}),
    );
    admin.post(CODES, code).await.expect(201);
    used(&shop, "SPRING", 3).await;
    let path = "/v1/discount-codes/SPRING";
    for (fields, field) in [
        (json!({"code": "OTHER"}), "code"),
        (json!({"kind": "fixed"}), "kind"),
        (json!({"value": null}), "value"),
        (json!({"value": 101}), "value"),
        (json!({"active": null}), "active"),
        (json!({"ends_at": start}), "ends_at"),
        (json!({"skus": ["A"], "category": "home"}), "category"),
        (json!({"max_uses": 2}), "max_uses"),
    ] {
        admin.patch(path, fields).await.expect_field(field);
    }
    let seen = admin.get(path).await.expect(200);
    assert_eq!((&seen["version"], &seen["used"]), (&json!(1), &json!(3)));
    admin.patch(path, json!({"max_uses": 3})).await.expect(200);
    for query in ["active=perhaps", "batch_id=1", "limit=0", "after=x"] {
        let field = query.split('=').next().unwrap();
        admin
            .get(&format!("{CODES}?{query}"))
            .await
            .expect_field(field);
    }
    shop.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_is_added_once_by_one_key_and_by_one_name() {
    let shop = Shop::open().await;
    let admin = shop.admin().await;
    let body = percent("Spring", 10);
    let first = admin.post_once(CODES, "1", body.clone()).await;
    assert!(!first.is_replay());
    let first = first.expect(201);
    admin
        .patch("/v1/discount-codes/spring", json!({"value": 20}))
        .await
        .expect(200);
    let again = admin.post_once(CODES, "1", body.clone()).await;
    assert!(again.is_replay());
    assert_eq!(again.header("etag"), Some("\"1\""));
    assert_eq!(again.header("location"), Some("/v1/discount-codes/Spring"));
    assert_eq!(again.expect(201), first);
    admin
        .post_once(CODES, "1", percent("Summer", 10))
        .await
        .expect_problem(422, "idempotency-key-reused");
    for name in ["Spring", "SPRING"] {
        let taken = admin
            .post_once(CODES, "2", percent(name, 10))
            .await
            .expect_problem(409, "code-exists");
        let detail = taken["detail"].as_str().unwrap();
        assert!(detail.contains("PATCH"), "{detail}");
    }

    // Of many at once, one.
    let attempts = (0..8).map(|attempt| {
        let admin = admin.clone();
        let name = if attempt % 2 == 0 { "twin" } else { "TWIN" };
        async move { admin.post(CODES, percent(name, 10)).await.status.as_u16() }
    });
    let mut statuses = futures::future::join_all(attempts).await;
    statuses.sort_unstable();
    assert_eq!(statuses, [201, 409, 409, 409, 409, 409, 409, 409]);
    shop.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_by_a_stale_version_is_refused() {
    let shop = Shop::open().await;
    let admin = shop.admin().await;
    admin.post(CODES, percent("SPRING", 10)).await.expect(201);
    let change = |tag: &str, value: i64| {
        admin
            .request(Method::PATCH, "/v1/discount-codes/spring")
            .header("if-match", tag)
            .json(&json!({"value": value}))
    };
    let changed = Client::send(change("\"1\"", 20)).await;
    assert_eq!(changed.expect(200)["value"], 20);
    let stale = Client::send(change("\"1\"", 30)).await;
    stale.expect_problem(412, "version-mismatch");
    let seen = admin.get("/v1/discount-codes/SPRING").await.expect(200);
    assert_eq!((&seen["value"], &seen["version"]), (&json!(20), &json!(2)));

    // Of many at once with one version, one.
    let changes = (0..6).map(|value| Client::send(change("\"2\"", 30 + value)));
    let answers = futures::future::join_all(changes).await;
    let changed = answers.iter().filter(|answer| answer.status == 200).count();
    assert_eq!(changed, 1, "{answers:#?}");
    shop.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_that_was_used_keeps_its_name_when_it_is_removed() {
    let shop = Shop::open().await;
    let admin = shop.admin().await;
    shop.product(&admin, "A", 100, 10).await;
    for code in ["USED", "RETURNED"] {
        admin.post(CODES, percent(code, 10)).await.expect(201);
    }
    used(&shop, "USED", 1).await;
    // Its only use came back, so it counts no more; the order speaks of it all the same.
    let order_id = Uuid::now_v7();
    let hold = grpc::hold(order_id, 1, &[("A", 1)]);
    grpc::Inventory::of(&shop).reserve(hold).await.unwrap();
    sqlx::query(
        "insert into code_uses (order_id, hold_no, code, customer_id, discount, returned_at)
         values ($1, 1, 'RETURNED', $2, 10, now())",
    )
    .bind(order_id)
    .bind(Uuid::nil())
    .execute(shop.inventory())
    .await
    .unwrap();

    for code in ["USED", "RETURNED"] {
        let path = format!("{CODES}/{code}");
        admin.delete(&path).await.expect(204);
        admin.get(&path).await.expect_problem(404, "not-found");
        admin.delete(&path).await.expect_problem(404, "not-found");
        admin
            .patch(&path, json!({"value": 20}))
            .await
            .expect_problem(404, "not-found");
        let taken = admin
            .post(CODES, percent(&code.to_lowercase(), 10))
            .await
            .expect_problem(409, "code-exists");
        let detail = taken["detail"].as_str().unwrap();
        assert!(detail.contains("removed"), "{detail}");
    }
    assert_eq!(admin.get(CODES).await.expect(200)["items"], json!([]));
    let kept: i64 = sqlx::query_scalar("select count(*) from discount_codes where removed")
        .fetch_one(shop.inventory())
        .await
        .unwrap();
    assert_eq!(kept, 2);
    shop.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_list_is_by_code_and_can_be_narrowed() {
    let shop = Shop::open().await;
    let admin = shop.admin().await;
    for (code, active) in [
        ("SPRING_B", true),
        ("Spring_A", false),
        ("SPRINGC", true),
        ("WINTER", false),
    ] {
        let body = with(percent(code, 10), json!({"active": active}));
        admin.post(CODES, body).await.expect(201);
    }
    used(&shop, "WINTER", 7).await;
    let list = async |query: &str| {
        let list = admin.get(&format!("{CODES}?{query}")).await.expect(200);
        let mut codes = column(&list, "code");
        codes.sort_by_key(Value::to_string);
        json!(codes)
    };
    assert_eq!(
        list("").await,
        json!(["SPRINGC", "SPRING_B", "Spring_A", "WINTER"])
    );
    // `_` is no wildcard, and the beginning alone counts.
    assert_eq!(list("q=spring_").await, json!(["SPRING_B", "Spring_A"]));
    assert_eq!(list("q=%20Winter%20").await, json!(["WINTER"]));
    assert_eq!(list("q=PRING").await, json!([]));
    assert_eq!(list("active=false").await, json!(["Spring_A", "WINTER"]));
    assert_eq!(list("active=true&q=SPRINGC").await, json!(["SPRINGC"]));

    let whole = admin.get(CODES).await.expect(200);
    let mut paged = Vec::new();
    let mut after = String::new();
    loop {
        let page = admin
            .get(&format!("{CODES}?limit=3{after}"))
            .await
            .expect(200);
        paged.extend(page["items"].as_array().unwrap().clone());
        let Some(next) = page["next"].as_str() else {
            break;
        };
        after = format!("&after={next}");
    }
    assert_eq!(json!(paged), whole["items"]);
    assert_eq!(paged.len(), 4);
    let winter = paged.iter().find(|item| item["code"] == "WINTER").unwrap();
    assert_eq!(winter["used"], 7);
    shop.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_who_may_manages_incentives() {
    let shop = Shop::open().await;
    let admin = shop.admin().await;
    admin.post(CODES, percent("SPRING", 10)).await.expect(201);
    let batch = json!({"prefix": "X", "size": 1, "kind": "percent", "value": 10});
    let made = admin
        .post("/v1/discount-code-batches", batch.clone())
        .await
        .expect(201);
    let made = format!("/v1/discount-code-batches/{}", made["id"].as_str().unwrap());
    for (client, status, kind) in [
        (shop.visitor(), 401, "unauthenticated"),
        (shop.customer().await, 403, "forbidden"),
    ] {
        let path = "/v1/discount-codes/SPRING";
        for request in [
            client.request(Method::GET, CODES),
            client.request(Method::POST, CODES).json(&percent("NEW", 1)),
            client.request(Method::GET, path),
            client
                .request(Method::PATCH, path)
                .json(&json!({"value": 99})),
            client.request(Method::DELETE, path),
            client.request(Method::GET, "/v1/discount-code-batches"),
            client
                .request(Method::POST, "/v1/discount-code-batches")
                .json(&batch),
            client.request(Method::GET, &made),
            client.request(Method::GET, &format!("{made}/codes")),
        ] {
            Client::send(request).await.expect_problem(status, kind);
        }
    }
    let staff = shop.staff(&admin).await;
    let list = staff.get(CODES).await.expect(200);
    assert_eq!(column(&list, "value"), [json!(10)]);
    let batches = staff.get("/v1/discount-code-batches").await.expect(200);
    assert_eq!(batches["items"].as_array().unwrap().len(), 1);
    shop.close().await;
}
