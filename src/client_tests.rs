use std::sync::Arc;

use axum::{Json, Router, extract::State, http::HeaderMap, response::IntoResponse, routing::post};

use super::*;

type Script = Arc<Mutex<Vec<(u16, Value, Option<&'static str>)>>>;

/// A gateway that gives these answers in turn, and accepts every login.
async fn gateway(script: Vec<(u16, Value, Option<&'static str>)>) -> (String, Script) {
    let script: Script = Arc::new(Mutex::new(script.into_iter().rev().collect()));
    let logins = Arc::new(AtomicU64::new(0));
    let answer = async |State(script): State<Script>, headers: HeaderMap| {
        let (status, mut body, retry_after) = script.lock().unwrap().pop().unwrap();
        body["authorization"] = json!(headers.get("authorization").and_then(|v| v.to_str().ok()));
        let status = axum::http::StatusCode::from_u16(status).unwrap();
        let headers = retry_after.map(|seconds| [("retry-after", seconds)]);
        match headers {
            Some(headers) => (status, headers, Json(body)).into_response(),
            None => (status, Json(body)).into_response(),
        }
    };
    let router = Router::new()
        .route("/orders", post(answer))
        .with_state(script.clone())
        .route(
            "/v1/auth/login",
            post(move || {
                let number = logins.fetch_add(1, Ordering::Relaxed);
                async move { Json(json!({"access_token": format!("token-{number}")})) }
            }),
        );
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    (base, script)
}

async fn send(
    script: Vec<(u16, Value, Option<&'static str>)>,
    patience: Duration,
) -> (anyhow::Result<Answer>, u64, usize) {
    let (base, script) = gateway(script).await;
    let api = Api::new(&base, patience).unwrap();
    let user = Account::new("a@b.example".into(), "A".into(), "secret".into());
    let answer = api
        .post("/orders", json!({}))
        .by(&user)
        .key("1")
        .send()
        .await;
    let left = script.lock().unwrap().len();
    (answer, api.retries(), left)
}

const MINUTE: Duration = Duration::from_secs(60);

#[tokio::test]
async fn an_outage_a_throttle_and_a_twin_are_waited_for() {
    let (answer, retries, left) = send(
        vec![
            (503, json!({}), None),
            (502, json!({}), None),
            (429, json!({}), Some("0")),
            (
                409,
                json!({"type": "urn:problem-type:request-in-flight"}),
                None,
            ),
            (201, json!({"id": "x"}), None),
        ],
        MINUTE,
    )
    .await;
    assert_eq!(
        (answer.unwrap().status, retries, left),
        (StatusCode::CREATED, 4, 0)
    );
}

#[tokio::test]
async fn retry_after_is_honoured() {
    let begun = Instant::now();
    let script = vec![(503, json!({}), Some("1")), (201, json!({}), None)];
    let (answer, ..) = send(script, MINUTE).await;
    assert_eq!(answer.unwrap().status, StatusCode::CREATED);
    assert!(begun.elapsed() >= Duration::from_secs(1));
}

#[tokio::test]
async fn an_expired_token_is_renewed_once() {
    let script = vec![(401, json!({}), None), (201, json!({}), None)];
    let (answer, retries, _) = send(script, MINUTE).await;
    let answer = answer.unwrap();
    assert_eq!(
        (answer.body["authorization"].as_str(), retries),
        (Some("Bearer token-1"), 0)
    );

    let script = vec![
        (401, json!({}), None),
        (401, json!({}), None),
        (201, json!({}), None),
    ];
    let (answer, _, left) = send(script, MINUTE).await;
    assert_eq!(
        (answer.unwrap().status, left),
        (StatusCode::UNAUTHORIZED, 1)
    );
}

#[tokio::test]
async fn a_refusal_is_an_answer() {
    let problem = json!({"type": "urn:problem-type:insufficient-stock", "detail": "3 left"});
    let script = vec![(409, problem, None), (201, json!({}), None)];
    let (answer, retries, left) = send(script, MINUTE).await;
    let answer = answer.unwrap();
    assert_eq!(answer.to_string(), "409 insufficient-stock 3 left");
    assert_eq!((retries, left), (0, 1));
}

#[tokio::test]
async fn a_defect_is_not_waited_for_long() {
    let script = (0..9).map(|_| (500, json!({}), None)).collect();
    let (answer, retries, _) = send(script, MINUTE).await;
    assert_eq!((answer.unwrap().status.as_u16(), retries), (500, 4));
}

#[tokio::test]
async fn patience_ends() {
    let script = (0..99).map(|_| (503, json!({}), None)).collect();
    let (answer, ..) = send(script, Duration::from_millis(200)).await;
    let error = format!("{:#}", answer.unwrap_err());
    assert!(
        error.contains("POST /orders had no answer for 0 s: 503"),
        "{error}"
    );

    let api = Api::new("http://127.0.0.1:1", Duration::ZERO).unwrap();
    assert!(api.get("/").send().await.is_err());
    assert!(Api::new("https://shop.example", MINUTE).is_err());
}

#[test]
fn anything_fits_a_path() {
    assert_eq!(encode("85123A-255"), "85123A-255");
    assert_eq!(encode("8 5/1?é"), "8%205%2F1%3F%C3%A9");
}
