use std::time::{Duration, Instant};

use futures::{StreamExt as _, stream};
use http::Method;
use reqwest::Body;
use serde_json::Value;
use tokio::sync::mpsc;

use crate::system::{System, assert_problem};

/// A body whose length is not told beforehand.
fn chunked(bytes: usize) -> Body {
    let pieces: Vec<_> = vec![b'x'; bytes]
        .chunks(1000)
        .map(|piece| Ok::<_, std::io::Error>(piece.to_vec()))
        .collect();
    Body::wrap_stream(stream::iter(pieces))
}

#[tokio::test]
async fn a_body_may_be_as_long_as_the_limit_and_no_longer() {
    let system =
        System::start_with_file(&[("body_limit = \"2 MiB\"", "body_limit = \"10 kB\"")]).await;
    let post = || system.request(Method::POST, "/v1/auth/login");

    for body in [Body::from(vec![b'x'; 10_000]), chunked(10_000)] {
        let answer = post().body(body).send().await.unwrap();
        assert_eq!(answer.status(), 200);
        assert_eq!(answer.json::<Value>().await.unwrap()["length"], 10_000);
    }
    let seen = system.seen();
    let told_beforehand = post().body(vec![b'x'; 10_001]).send().await.unwrap();
    assert_problem(told_beforehand, 413, "payload-too-large").await;
    assert_eq!(system.seen(), seen, "nobody needs to see it");

    let found_out = post().body(chunked(10_001)).send().await.unwrap();
    assert_problem(found_out, 413, "payload-too-large").await;
    // The next one is none the worse for it.
    assert_eq!(post().send().await.unwrap().status(), 200);
}

#[tokio::test]
async fn a_file_of_products_may_be_longer_than_other_bodies() {
    const LIMIT: usize = 10 * 1024 * 1024;
    let system =
        System::start_with_file(&[("body_limit = \"2 MiB\"", "body_limit = \"10 kB\"")]).await;
    let post = || system.signed_in(Method::POST, "/v1/products/import");

    let answer = post().body(vec![b'x'; LIMIT]).send().await.unwrap();
    assert_eq!(answer.json::<Value>().await.unwrap()["length"], LIMIT);
    for body in [Body::from(vec![b'x'; LIMIT + 1]), chunked(LIMIT + 1)] {
        let answer = post().body(body).send().await.unwrap();
        assert_problem(answer, 413, "payload-too-large").await;
    }
}

#[tokio::test]
async fn a_service_that_does_not_answer_in_time_is_a_504_problem() {
    let system = System::start_with_file(&[("timeout = \"30s\"", "timeout = \"1s\"")]).await;
    let started = Instant::now();
    let answer = system
        .get("/v1/products")
        .header("x-stub", "never")
        .send()
        .await
        .unwrap();
    assert_problem(answer, 504, "deadline-exceeded").await;
    assert!((1..3).contains(&started.elapsed().as_secs()));
    assert_eq!(
        system.get("/v1/products").send().await.unwrap().status(),
        200
    );
}

#[tokio::test]
async fn an_answer_that_stalls_is_broken_off() {
    let system = System::start_with_file(&[("timeout = \"30s\"", "timeout = \"1s\"")]).await;
    let answer = system
        .get("/v1/products")
        .header("x-stub", "stall")
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), 200);
    let mut body = answer.bytes_stream();
    assert_eq!(body.next().await.unwrap().unwrap(), "first");
    let rest = tokio::time::timeout(Duration::from_secs(5), body.next())
        .await
        .unwrap();
    assert!(
        rest.is_some_and(|rest| rest.is_err()),
        "not to be taken for the end"
    );
}

#[tokio::test]
async fn a_large_answer_flows_through() {
    let system = System::start().await;
    let answer = system
        .get("/v1/products")
        .header("x-stub", "large")
        .send()
        .await
        .unwrap();
    let mut body = answer.bytes_stream();
    let mut length = 0;
    while let Some(piece) = body.next().await {
        length += piece.unwrap().len();
    }
    assert_eq!(length, 64 << 20);
}

#[tokio::test]
async fn a_request_body_is_passed_on_while_it_comes() {
    let system = System::start().await;
    let (sender, mut pieces) = mpsc::channel::<&str>(1);
    let body = Body::wrap_stream(stream::poll_fn(move |context| {
        pieces
            .poll_recv(context)
            .map(|piece| piece.map(Ok::<_, std::io::Error>))
    }));
    let request = system
        .request(Method::POST, "/v1/auth/login")
        .body(body)
        .send();
    let answer = tokio::spawn(request);

    for piece in ["first", "second one"] {
        sender.send(piece).await.unwrap();
        // The service has it although the request is not complete.
        assert_eq!(system.identity.piece().await, piece.len());
    }
    drop(sender);
    let told: Value = answer.await.unwrap().unwrap().json().await.unwrap();
    assert_eq!(told["length"], 15);
}

#[tokio::test]
async fn an_answer_is_passed_on_while_it_comes() {
    let system = System::start().await;
    let answer = system
        .get("/v1/products")
        .header("x-stub", "stall")
        .send()
        .await
        .unwrap();
    let first = tokio::time::timeout(Duration::from_secs(5), answer.bytes_stream().next())
        .await
        .unwrap();
    assert_eq!(first.unwrap().unwrap(), "first");
}
