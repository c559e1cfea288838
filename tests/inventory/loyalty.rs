//! The customers' points, over REST.

use std::time::Duration;

use chassis::grpc;
use futures::future::join_all;
use proto::incentive::v1::{ExpirePointsRequest, incentive_service_client::IncentiveServiceClient};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    common::{Client, Shop, grpc::channel},
    support::column,
};

#[tokio::test(flavor = "multi_thread")]
async fn points_are_given_and_taken_away_the_oldest_first() {
    let shop = Shop::open().await;
    let admin = shop.admin().await;
    let customer = shop.customer().await;
    let id = customer.id().await;
    let nothing = json!({
        "balance": 0, "pending": 0, "held": 0, "lots": [], "ledger": {"items": [], "next": null},
    });
    assert_eq!(customer.get("/v1/loyalty").await.expect(200), nothing);
    let theirs = format!("/v1/loyalty/{id}");
    assert_eq!(admin.get(&theirs).await.expect(200), nothing);

    adjust(&admin, id, 100).await;
    let points = adjust(&admin, id, 50).await;
    assert_eq!(points["balance"], 150);
    assert_eq!(lots(&points), [100, 50]);
    let points = adjust(&admin, id, -120).await;
    assert_eq!(points["balance"], 30);
    assert_eq!(lots(&points), [30]);
    admin
        .post(&adjustments(id), adjustment(-31))
        .await
        .expect_problem(409, "not-enough-points");
    let never_had_any = adjustments(Uuid::now_v7());
    admin
        .post(&never_had_any, adjustment(-1))
        .await
        .expect_problem(409, "not-enough-points");

    // Newest first, with the reason; page by page.
    let mine = customer.get("/v1/loyalty?limit=2").await.expect(200);
    assert_eq!(mine["balance"], 30);
    assert_eq!(lots(&mine), [30]);
    let ledger = &mine["ledger"];
    assert_eq!(column(ledger, "change"), [-120, 50]);
    assert_eq!(column(ledger, "points"), [120, 50]);
    assert_eq!(column(ledger, "from"), ["available", "issued"]);
    assert_eq!(column(ledger, "to"), ["issued", "available"]);
    assert_eq!(column(ledger, "reason"), ["adjustment"; 2]);
    assert_eq!(column(ledger, "note"), ["for the long wait"; 2]);
    assert_eq!(column(ledger, "order_id"), [Value::Null, Value::Null]);
    let next = ledger["next"].as_str().unwrap();
    let rest = customer
        .get(&format!("/v1/loyalty?limit=2&after={next}"))
        .await
        .expect(200);
    assert_eq!(column(&rest["ledger"], "change"), [100]);
    assert_eq!(rest["ledger"]["next"], Value::Null);
    assert_eq!(
        customer.get("/v1/loyalty").await.expect(200),
        admin.get(&theirs).await.expect(200)
    );
    let booked_by: Vec<Uuid> = sqlx::query_scalar("select distinct actor from loyalty_entries")
        .fetch_all(shop.inventory())
        .await
        .unwrap();
    assert_eq!(booked_by, [admin.id().await]);
    shop.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn many_adjustments_with_one_key_book_once() {
    let shop = Shop::open().await;
    let admin = shop.admin().await;
    let (id, other) = (Uuid::now_v7(), Uuid::now_v7());
    let path = adjustments(id);
    let answers = join_all((0..50).map(|_| admin.post_once(&path, "1", adjustment(10)))).await;
    let firsts = answers.iter().filter(|answer| !answer.is_replay()).count();
    assert_eq!(firsts, 1);
    for answer in answers {
        assert_eq!(answer.expect(201)["balance"], 10);
    }
    let report = admin.get(&format!("/v1/loyalty/{id}")).await.expect(200);
    assert_eq!(report["balance"], 10);
    assert_eq!(column(&report["ledger"], "change"), [10]);

    for (path, body) in [
        (&path, adjustment(11)),
        (&adjustments(other), adjustment(10)),
    ] {
        admin
            .post_once(path, "1", body)
            .await
            .expect_problem(422, "idempotency-key-reused");
    }
    // A failure is not kept.
    let down = || admin.post_once(&path, "2", adjustment(-15));
    down().await.expect_problem(409, "not-enough-points");
    adjust(&admin, id, 5).await;
    assert_eq!(down().await.expect(201)["balance"], 0);
    shop.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn many_adjustments_at_once_add_up_and_never_go_below_zero() {
    let shop = Shop::open().await;
    let admin = shop.admin().await;
    let id = Uuid::now_v7();
    adjust(&admin, id, 10).await;
    let path = adjustments(id);
    let booked = join_all((0..30).map(|n| {
        let points = if n % 3 == 0 { 5 } else { -4 };
        let (admin, path) = (&admin, &path);
        async move {
            let answer = admin.post(path, adjustment(points)).await;
            match answer.status.as_u16() {
                201 => points,
                409 => 0,
                _ => panic!("{answer:?}"),
            }
        }
    }))
    .await;
    let balance = 10 + booked.iter().sum::<i64>();
    assert!(balance >= 0);
    let report = admin
        .get(&format!("/v1/loyalty/{id}?limit=100"))
        .await
        .expect(200);
    assert_eq!(report["balance"], balance);
    assert_eq!(lots(&report).iter().sum::<i64>(), balance);
    let changes = column(&report["ledger"], "change");
    assert_eq!(
        changes.iter().filter_map(Value::as_i64).sum::<i64>(),
        balance
    );
    shop.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_adjustment_is_refused_by_the_name_of_its_field() {
    let shop = Shop::open().await;
    let admin = shop.admin().await;
    let path = adjustments(Uuid::now_v7());
    let because = |reason: Value| json!({"points": 1, "reason": reason});
    for (body, field) in [
        (adjustment(0), "points"),
        (adjustment(1_000_000_001), "points"),
        (adjustment(-1_000_000_001), "points"),
        (json!({"points": 1.5, "reason": "x"}), "points"),
        (json!({"reason": "x"}), "points"),
        (json!({"points": 1}), "reason"),
        (because(json!(" ")), "reason"),
        (because(json!("x".repeat(501))), "reason"),
    ] {
        admin.post(&path, body).await.expect_field(field);
    }
    for bad in ["?limit=0", "?limit=101"] {
        let path = format!("/v1/loyalty{bad}");
        admin.get(&path).await.expect_field("limit");
    }
    admin
        .get("/v1/loyalty?after=x!")
        .await
        .expect_field("after");
    admin
        .get("/v1/loyalty/somebody")
        .await
        .expect_problem(404, "not-found");
    shop.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn points_expire_on_their_day_and_are_booked_by_the_job() {
    let shop = Shop::open().await;
    let admin = shop.admin().await;
    let customer = shop.customer().await;
    let id = customer.id().await;
    adjust(&admin, id, 40).await;
    sqlx::query("update loyalty_lots set expires_at = now() - interval '1 second'")
        .execute(shop.inventory())
        .await
        .unwrap();
    adjust(&admin, id, 2).await;
    // They count no more, although nobody has booked it.
    let mine = customer.get("/v1/loyalty").await.expect(200);
    assert_eq!(mine["balance"], 2);
    assert_eq!(lots(&mine), [2]);
    admin
        .post(&adjustments(id), adjustment(-3))
        .await
        .expect_problem(409, "not-enough-points");

    let channel = channel(&shop, shop.configs.inventory.grpc_addr);
    let mut incentives = IncentiveServiceClient::new(channel);
    let mut expire = async |limit| {
        let request = grpc::request(ExpirePointsRequest { limit }, Duration::from_secs(30));
        incentives.expire_points(request).await
    };
    let expired = expire(0).await.unwrap().into_inner();
    assert_eq!((expired.lots, expired.points), (1, 40));
    let expired = expire(5).await.unwrap().into_inner();
    assert_eq!((expired.lots, expired.points), (0, 0));
    assert_eq!(
        expire(-1).await.unwrap_err().code(),
        tonic::Code::InvalidArgument
    );
    let mine = customer.get("/v1/loyalty").await.expect(200);
    assert_eq!(mine["balance"], 2);
    assert_eq!(column(&mine["ledger"], "reason")[0], "expired");
    assert_eq!(column(&mine["ledger"], "change"), [-40, 2, 40]);
    shop.close().await;
}

fn adjustment(points: i64) -> Value {
    json!({"points": points, "reason": "for the long wait"})
}

fn adjustments(customer: Uuid) -> String {
    format!("/v1/loyalty/{customer}/adjustments")
}

async fn adjust(admin: &Client, customer: Uuid, points: i64) -> Value {
    let body = adjustment(points);
    admin.post(&adjustments(customer), body).await.expect(201)
}

/// What remains in each.
fn lots(points: &Value) -> Vec<i64> {
    let lots = points["lots"].as_array().unwrap().iter();
    lots.map(|lot| lot["points"].as_i64().unwrap()).collect()
}
