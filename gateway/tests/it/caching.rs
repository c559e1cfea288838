//! Answers that are kept for a moment.

use std::time::Duration;

use futures::future::join_all;
use http::Method;
use reqwest::Response;

use crate::system::System;

const PRODUCT: &str = "/v1/products/85123A-255";

async fn read(system: &System, tag: Option<&str>) -> Response {
    let mut request = system
        .client
        .get(format!("http://{}{PRODUCT}", system.gateway));
    if let Some(tag) = tag {
        request = request.header("if-none-match", tag);
    }
    request.send().await.unwrap()
}

#[tokio::test]
async fn what_was_read_a_moment_ago_is_not_read_again() {
    let system = System::start().await;
    let first = read(&system, None).await;
    assert_eq!(first.status(), 200);
    assert_eq!(first.headers()["cache-control"], "no-cache");
    let first_id = first.headers()["x-request-id"].clone();
    let second = read(&system, None).await;
    assert_ne!(second.headers()["x-request-id"], first_id);
    assert_eq!(first.text().await.unwrap(), second.text().await.unwrap());
    assert_eq!(system.inventory.seen(), 1);
    tokio::time::sleep(Duration::from_millis(1_100)).await;
    read(&system, None).await;
    assert_eq!(system.inventory.seen(), 2);
}

#[tokio::test]
async fn who_has_it_already_is_told_so() {
    let system = System::start().await;
    let tag = read(&system, None).await.headers()["etag"].clone();
    let tag = tag.to_str().unwrap();
    assert!(tag.starts_with("W/\""), "{tag}");
    for known in [tag, "*", &format!("\"other\", {tag}")] {
        let answer = read(&system, Some(known)).await;
        assert_eq!(answer.status(), 304, "{known}");
        assert_eq!(answer.headers()["etag"], tag);
        assert_eq!(answer.text().await.unwrap(), "");
    }
    assert_eq!(read(&system, Some("\"other\"")).await.status(), 200);
    assert_eq!(system.inventory.seen(), 1);
}

#[tokio::test]
async fn many_who_ask_at_once_ask_once() {
    let system = System::start().await;
    let answers = join_all((0..50).map(|_| read(&system, None))).await;
    assert!(answers.iter().all(|answer| answer.status() == 200));
    assert_eq!(system.inventory.seen(), 1);
}

#[tokio::test]
async fn who_has_changed_something_reads_it_anew() {
    let system = System::start().await;
    for (changes, anew) in [
        ("/v1/products", true),
        // An order takes stock.
        ("/v1/orders", true),
        ("/v1/roles", false),
    ] {
        tokio::time::sleep(Duration::from_millis(1_050)).await;
        read(&system, None).await;
        let before = system.inventory.seen();
        let change = system.signed_in(Method::POST, changes).send().await;
        assert_eq!(change.unwrap().status(), 200);
        let changed = system.inventory.seen();
        read(&system, None).await;
        let read_again = system.inventory.seen() - changed;
        assert_eq!(read_again == 1, anew, "{changes} {before}");
    }
}

#[tokio::test]
async fn who_wants_it_fresh_gets_it_fresh() {
    let system = System::start().await;
    read(&system, None).await;
    system.get(PRODUCT).send().await.unwrap();
    assert_eq!(system.inventory.seen(), 2);
}

#[tokio::test]
async fn what_one_caller_sends_is_no_part_of_what_others_get() {
    let system = System::start().await;
    let url = format!("http://{}{PRODUCT}", system.gateway);
    let first = system
        .client
        .get(&url)
        .bearer_auth(crate::tokens::valid())
        .header("x-stub", "problem")
        .header("cookie", "a=b");
    let told = first.send().await.unwrap().text().await.unwrap();
    assert!(
        !told.contains("authorization") && !told.contains("cookie"),
        "{told}"
    );
    assert!(!told.contains("x-stub"), "{told}");
}
