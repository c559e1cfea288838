//! Codes that are made together, over REST.

use std::{
    collections::HashSet,
    sync::atomic::{AtomicUsize, Ordering},
};

use inventory_svc::{
    application::ports::{DiscountCodes as _, NewCodeBatch},
    domain::{BatchPrefix, BatchSize, Code, Terms, TermsDraft},
    infrastructure::postgres::PgDiscountCodes,
};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    common::{Client, Shop},
    support::column,
};

const BATCHES: &str = "/v1/discount-code-batches";

fn batch(prefix: &str, size: i64) -> Value {
    json!({"prefix": prefix, "size": size, "kind": "percent", "value": 10})
}

/// The rows of the export: codes and their uses.
async fn export(client: &Client, id: &Value) -> Vec<(String, String)> {
    let path = format!("{BATCHES}/{}/codes", id.as_str().unwrap());
    let answer = client.get(&path).await;
    assert_eq!(
        answer.header("content-type"),
        Some("text/csv; charset=utf-8")
    );
    let csv = answer.expect(200);
    let mut rows = csv.as_str().unwrap().lines();
    assert_eq!(rows.next(), Some("code,used"));
    rows.map(|row| {
        let (code, used) = row.split_once(',').unwrap();
        (code.to_owned(), used.to_owned())
    })
    .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_codes_are_made_and_exported() {
    let shop = Shop::open().await;
    let admin = shop.admin().await;
    let answer = admin.post(BATCHES, batch("XMAS-", 10_000)).await;
    let location = answer.header("location").unwrap().to_owned();
    let made = answer.expect(201);
    assert_eq!(
        made,
        json!({"id": made["id"], "prefix": "XMAS-", "size": 10_000, "used": 0, "created_at": made["created_at"]})
    );
    assert_eq!(
        location,
        format!("{BATCHES}/{}", made["id"].as_str().unwrap())
    );
    assert_eq!(admin.get(&location).await.expect(200), made);

    let rows = export(&admin, &made["id"]).await;
    let distinct: HashSet<String> = rows.iter().map(|(code, _)| code.to_uppercase()).collect();
    assert_eq!(distinct.len(), 10_000);
    for (code, used) in &rows {
        let random = code.strip_prefix("XMAS-").unwrap();
        assert_eq!(random.len(), 12, "{code}");
        assert!(
            random
                .bytes()
                .all(|byte| b"0123456789ABCDEFGHJKMNPQRSTVWXYZ".contains(&byte)),
            "{code}"
        );
        assert_eq!(used, "0");
    }
    // Random in every place: a place that hardly varied would be worth nothing.
    for place in 5..17 {
        let letters: HashSet<u8> = rows
            .iter()
            .map(|(code, _)| code.as_bytes()[place])
            .collect();
        assert_eq!(letters.len(), 32, "{place}");
    }
    let file = admin.get(&format!("{location}/codes")).await;
    assert_eq!(
        file.header("content-disposition"),
        Some("attachment; filename=\"XMAS-codes.csv\"")
    );

    let one = admin
        .get(&format!("/v1/discount-codes/{}", rows[0].0.to_lowercase()))
        .await
        .expect(200);
    assert_eq!(
        (&one["max_uses"], &one["batch_id"], &one["value"]),
        (&json!(1), &made["id"], &json!(10))
    );
    shop.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_has_its_terms_and_a_list_of_its_own() {
    let shop = Shop::open().await;
    let admin = shop.admin().await;
    let single = json!({"code": "SPRING", "kind": "percent", "value": 10});
    admin.post("/v1/discount-codes", single).await.expect(201);
    let terms = json!({
        "prefix": "VIP", "size": 3, "kind": "fixed", "value": 500, "min_subtotal": 2000, "skus": ["A"],
        "starts_at": "2030-12-01T00:00:00Z", "ends_at": "2031-03-01T00:00:00Z", "active": false,
    });
    let vip = admin.post(BATCHES, terms.clone()).await.expect(201);
    let xmas = admin.post(BATCHES, batch("XMAS", 2)).await.expect(201);

    // The newest comes first.
    let first = admin.get(&format!("{BATCHES}?limit=1")).await.expect(200);
    assert_eq!(first["items"], json!([xmas]));
    let next = first["next"].as_str().unwrap();
    let second = admin
        .get(&format!("{BATCHES}?limit=1&after={next}"))
        .await
        .expect(200);
    assert_eq!(
        (&second["items"], &second["next"]),
        (&json!([vip]), &json!(null))
    );

    let list = admin.get("/v1/discount-codes").await.expect(200);
    assert_eq!(column(&list, "code"), ["SPRING"]);
    let id = vip["id"].as_str().unwrap();
    let path = format!("/v1/discount-codes?batch_id={id}");
    let codes = admin.get(&path).await.expect(200);
    assert_eq!(codes["items"].as_array().unwrap().len(), 3);
    for code in codes["items"].as_array().unwrap() {
        assert!(code["code"].as_str().unwrap().starts_with("VIP"));
        assert_eq!(code["batch_id"], vip["id"]);
        assert_eq!(code["max_uses"], 1);
        for (field, value) in terms.as_object().unwrap() {
            if !["prefix", "size"].contains(&field.as_str()) {
                assert_eq!(code[field], *value, "{field}");
            }
        }
    }
    // One is used, one is removed: the export tells.
    let mut names: Vec<String> = column(&codes, "code")
        .iter()
        .map(|code| code.as_str().unwrap().to_owned())
        .collect();
    sqlx::query("update discount_codes set used = 1 where code = $1")
        .bind(&names[1])
        .execute(shop.inventory())
        .await
        .unwrap();
    admin
        .delete(&format!("/v1/discount-codes/{}", names[2]))
        .await
        .expect(204);
    let seen = admin.get(&format!("{BATCHES}/{id}")).await.expect(200);
    assert_eq!((&seen["size"], &seen["used"]), (&json!(3), &json!(1)));
    let listed = admin.get(BATCHES).await.expect(200);
    assert_eq!(column(&listed, "used"), [json!(0), json!(1)]);
    names.truncate(2);
    let used = ["0".to_owned(), "1".to_owned()];
    let rows: Vec<(String, String)> = names.into_iter().zip(used).collect();
    assert_eq!(export(&admin, &vip["id"]).await, rows);

    for path in ["", "/codes"] {
        admin
            .get(&format!("{BATCHES}/{}{path}", Uuid::now_v7()))
            .await
            .expect_problem(404, "not-found");
    }
    shop.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_is_made_once_by_one_key() {
    let shop = Shop::open().await;
    let admin = shop.admin().await;
    let first = admin
        .post_once(BATCHES, "1", batch("XMAS", 5))
        .await
        .expect(201);
    let again = admin.post_once(BATCHES, "1", batch("XMAS", 5)).await;
    assert!(again.is_replay());
    assert!(again.header("location").is_some());
    assert_eq!(again.expect(201), first);
    admin
        .post_once(BATCHES, "1", batch("XMAS", 6))
        .await
        .expect_problem(422, "idempotency-key-reused");
    let made: i64 = sqlx::query_scalar("select count(*) from discount_codes")
        .fetch_one(shop.inventory())
        .await
        .unwrap();
    assert_eq!(made, 5);
    shop.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_batch_is_refused_by_the_name_of_its_field() {
    let shop = Shop::open().await;
    let admin = shop.admin().await;
    for (field, value) in [
        ("prefix", json!("")),
        ("prefix", json!("-X")),
        ("prefix", json!("=X")),
        ("prefix", json!("X".repeat(29))),
        ("size", json!(0)),
        ("size", json!(10_001)),
        ("size", json!(i64::MAX)),
        ("value", json!(101)),
        ("max_discount", json!(0)),
        ("min_subtotal", json!(-1)),
        ("skus", json!([])),
        ("category", json!("")),
        // Each code is for one use.
        ("max_uses", json!(2)),
        ("max_uses_per_customer", json!(1)),
        ("code", json!("XMAS")),
    ] {
        let mut body = batch("XMAS", 1);
        body[field] = value;
        admin.post(BATCHES, body).await.expect_field(field);
    }
    let none = admin.get(BATCHES).await.expect(200);
    assert_eq!(none["items"], json!([]));
    shop.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_that_is_taken_is_drawn_again() {
    let shop = Shop::open().await;
    let admin = shop.admin().await;
    let taken = json!({"code": "xmas-000000000001", "kind": "percent", "value": 10});
    admin.post("/v1/discount-codes", taken).await.expect(201);
    let new = NewCodeBatch {
        id: Uuid::now_v7(),
        prefix: BatchPrefix::parse("XMAS-").unwrap(),
        size: BatchSize::parse(4).unwrap(),
        terms: Terms::parse(TermsDraft {
            kind: "percent".to_owned(),
            value: 10,
            max_discount: None,
            min_subtotal: 0,
            skus: None,
            category: None,
            starts_at: None,
            ends_at: None,
            max_uses: Some(1),
            max_uses_per_customer: None,
            active: true,
        })
        .unwrap(),
        created_by: Uuid::nil(),
    };
    // The first four draws are two that are free, one of them twice, and one that is taken.
    let draws = ["2", "2", "1", "3", "2", "4", "5"];
    let drawn = AtomicUsize::new(0);
    let draw = || {
        let draw = draws[drawn.fetch_add(1, Ordering::Relaxed)];
        Code::parse(&format!("XMAS-00000000000{draw}")).unwrap()
    };
    let codes = PgDiscountCodes::new(shop.inventory().clone());
    let made = codes.create_batch(&new, &draw, None).await.unwrap();
    assert_eq!(made.value.size, 4);
    let rows = export(&admin, &json!(new.id)).await;
    let ends: String = rows.iter().map(|(code, _)| &code[16..]).collect();
    assert_eq!(ends, "2345");

    // Whoever always draws the same is told, and leaves nothing behind.
    let stuck = NewCodeBatch {
        id: Uuid::now_v7(),
        ..new
    };
    let same = || Code::parse("XMAS-000000000009").unwrap();
    codes.create_batch(&stuck, &same, None).await.unwrap_err();
    let batches = admin.get(BATCHES).await.expect(200);
    assert_eq!(batches["items"].as_array().unwrap().len(), 1);
    shop.close().await;
}
