use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{
    Json, Router,
    extract::{Path, State},
    http::{HeaderMap, StatusCode as Status},
    response::{IntoResponse as _, Response},
    routing::post,
};

use super::*;

/// What the shop in these tests has: orders with their status and refunds, answers by key, and all that it was asked.
#[derive(Default)]
struct Shop {
    status: HashMap<String, &'static str>,
    refunded: HashMap<String, i64>,
    answers: HashMap<String, i64>,
    asked: Vec<String>,
}

type Shared = Arc<Mutex<Shop>>;

/// A piece costs a pound. An order called `lost` is unknown.
async fn act(
    State(shop): State<Shared>,
    Path((order, action)): Path<(String, String)>,
    headers: HeaderMap,
    Json(body): Json<Value>,
) -> Response {
    let mut shop = shop.lock().unwrap();
    shop.asked.push(format!("{order} {action}"));
    if order == "lost" {
        return Status::NOT_FOUND.into_response();
    }
    if action != "returns" {
        let status = shop.status.entry(order).or_insert("confirmed");
        *status = match (action.as_str(), *status) {
            ("ship", "confirmed" | "shipped") => "shipped",
            ("deliver", "shipped" | "delivered") => "delivered",
            _ => return Status::CONFLICT.into_response(),
        };
        return Json(json!({"refunded": 0})).into_response();
    }
    let key = headers["idempotency-key"].to_str().unwrap().to_owned();
    if let Some(refunded) = shop.answers.get(&key) {
        let replayed = [("idempotency-replayed", "true")];
        return (replayed, Json(json!({"refunded": refunded}))).into_response();
    }
    if shop.status.get(&order) != Some(&"delivered") {
        return Status::CONFLICT.into_response();
    }
    assert_eq!(body["restock"], true);
    if body["lines"][0]["sku"] == "unknown" {
        return Status::UNPROCESSABLE_ENTITY.into_response();
    }
    let pieces = body["lines"].as_array().unwrap().iter();
    let refund: i64 = pieces.map(|line| line["quantity"].as_i64().unwrap()).sum();
    let refunded = shop.refunded.entry(order).or_default();
    *refunded += refund * 100;
    let refunded = *refunded;
    shop.answers.insert(key, refunded);
    Json(json!({"refunded": refunded})).into_response()
}

/// A shop, and how to ask it.
async fn shop() -> (Api, Account, Shared) {
    let shop = Shared::default();
    let token = || async { Json(json!({"access_token": "token"})) };
    let router = Router::new()
        .route("/v1/auth/login", post(token))
        .route("/v1/orders/{order}/{action}", post(act))
        .with_state(shop.clone());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    let api = Api::new(&base, Duration::from_secs(5)).unwrap();
    let admin = Account::new("a@b.example".into(), "A".into(), "secret".into());
    (api, admin, shop)
}

fn placed(id: &str) -> Outcome {
    Outcome::Placed(Placed {
        id: id.to_owned(),
        total: 0,
        placed_at: chrono::DateTime::UNIX_EPOCH,
        replayed: false,
    })
}

fn back(note: &str, order: usize, sku: &str, pieces: i64) -> Return {
    Return {
        note: note.to_owned(),
        order,
        at: chrono::NaiveDateTime::default(),
        lines: BTreeMap::from([(sku.to_owned(), pieces)]),
        amount: pieces * 100,
    }
}

fn made(refund: i64, replayed: bool) -> Returned {
    Returned::Made { refund, replayed }
}

#[tokio::test]
async fn the_second_run_completes_the_first_and_finds_the_same_refunds() {
    let (api, admin, shop) = shop().await;
    let orders = [placed("a"), placed("b"), placed("c")];
    let returns = [
        back("C1", 1, "8", 2),
        back("C2", 0, "8", 1),
        back("C2", 1, "8", 3),
        back("C3", 1, "9", 4),
    ];
    let bar = ProgressBar::hidden();
    let first = play(&api, &admin, &returns[..3], &orders, 2, &bar).await;
    assert_eq!(
        first,
        [made(200, false), made(100, false), made(300, false)]
    );
    assert_eq!(
        shop.lock()
            .unwrap()
            .asked
            .iter()
            .filter(|asked| asked.starts_with('b'))
            .collect::<Vec<_>>(),
        ["b ship", "b deliver", "b returns", "b returns"]
    );

    let second = play(&api, &admin, &returns, &orders, 2, &bar).await;
    assert_eq!(
        second,
        [
            made(200, true),
            made(100, true),
            made(300, true),
            made(400, false)
        ]
    );
    let shop = shop.lock().unwrap();
    assert_eq!(shop.refunded["b"], 900);
    let nothing_of_c = shop.asked.iter().all(|asked| !asked.starts_with('c'));
    assert!(nothing_of_c, "only what comes back is sent out");
}

#[tokio::test]
async fn a_failure_holds_up_the_order_that_it_concerns_alone() {
    let (api, admin, _) = shop().await;
    let refused = Outcome::Refused {
        status: 409,
        problem: "insufficient-stock".into(),
        detail: String::new(),
    };
    let orders = [
        placed("a"),
        placed("lost"),
        refused,
        Outcome::Failed("no answer".into()),
        placed("b"),
    ];
    let returns = [
        back("C1", 0, "unknown", 1),
        back("C2", 0, "8", 1),
        back("C3", 1, "8", 1),
        back("C4", 2, "8", 1),
        back("C5", 3, "8", 1),
        back("C6", 4, "8", 1),
    ];
    let outcomes = play(&api, &admin, &returns, &orders, 1, &ProgressBar::hidden()).await;
    let failed = |text: &str| Returned::Failed(text.to_owned());
    assert_eq!(
        outcomes,
        [
            failed("returning: 422"),
            failed("after credit note C1: returning: 422"),
            failed("ship: 404"),
            Returned::NotSold,
            failed("its order failed"),
            made(100, false),
        ]
    );
}

#[tokio::test]
async fn what_others_have_sent_out_comes_back_and_what_cannot_leave_does_not() {
    let (api, admin, shop) = shop().await;
    let orders = ["a", "b", "c"].map(placed);
    let returns = [0, 1, 2].map(|order| back("C1", order, "8", 1));
    let statuses = [("a", "shipped"), ("b", "delivered"), ("c", "placed")];
    shop.lock().unwrap().status = statuses.map(|(id, status)| (id.to_owned(), status)).into();
    let outcomes = play(&api, &admin, &returns, &orders, 1, &ProgressBar::hidden()).await;
    assert_eq!(
        outcomes,
        [
            made(100, false),
            made(100, false),
            Returned::Failed("deliver: 409".to_owned())
        ]
    );
}
