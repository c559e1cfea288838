//! The file may change while requests are served.

use std::{
    sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
    time::{Duration, Instant},
};

use futures::future::join_all;
use http::Method;

use crate::system::{System, assert_problem, file, write};

async fn until(system: &System, path: &str, status: u16) {
    let started = Instant::now();
    while system
        .signed_in(Method::GET, path)
        .send()
        .await
        .unwrap()
        .status()
        != status
    {
        assert!(
            started.elapsed() < Duration::from_secs(5),
            "{path}: never {status}"
        );
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

const ROW: &str = "\"GET /v1/me\" = { to = \"identity-svc\" }";

#[tokio::test]
async fn a_change_holds_soon_and_costs_no_request() {
    let file = file(&[]);
    let path = file.path().to_owned();
    let system = System::start_with(|config| config.gateway_config = Some(path)).await;
    let (done, served) = (AtomicBool::new(false), AtomicUsize::new(0));
    let load = async {
        while !done.load(SeqCst) {
            let calls = ["/v1/orders", "/v1/products", "/v1/me"]
                .map(|path| system.signed_in(Method::GET, path).send());
            for answer in join_all(calls).await {
                assert_eq!(answer.unwrap().status(), 200);
                served.fetch_add(1, SeqCst);
            }
        }
    };
    let changes = async {
        for number in 0..6 {
            // A route that comes and goes, and an upstream whose terms change.
            let new = format!("{ROW}\n\"GET /v1/new-{number}\" = {{ to = \"order-svc\" }}");
            let terms = format!("max_in_flight = {}", 300 + number);
            write(&file, &[(ROW, &new), ("max_in_flight = 256", &terms)]);
            until(&system, &format!("/v1/new-{number}"), 200).await;
        }
        until(&system, "/v1/new-4", 404).await;
        done.store(true, SeqCst);
    };
    tokio::join!(load, changes);
    assert!(served.load(SeqCst) > 100);
}

#[tokio::test]
async fn a_file_with_a_mistake_changes_nothing() {
    let file = file(&[]);
    let path = file.path().to_owned();
    let system = System::start_with(|config| config.gateway_config = Some(path)).await;
    write(&file, &[(ROW, "\"GET /v1/me\" = { to = \"nobody\" }")]);
    tokio::time::sleep(Duration::from_millis(1_200)).await;
    until(&system, "/v1/me", 200).await;
    std::fs::write(file.path(), "").unwrap();
    tokio::time::sleep(Duration::from_millis(1_200)).await;
    until(&system, "/v1/me", 200).await;
    // The next one that is sound holds.
    write(&file, &[(ROW, "")]);
    until(&system, "/v1/me", 404).await;
}

#[tokio::test]
async fn a_gateway_does_not_start_with_a_mistake_and_says_where_it_is() {
    let file = file(&[(ROW, "\"GET /v1/me\" = { to = \"nobody\" }")]);
    let mut config = crate::system::config();
    config.gateway_config = Some(file.path().to_owned());
    let Err(refused) = gateway::start(config).await else {
        panic!("it started");
    };
    let text = format!("{refused:#}");
    assert!(text.contains("GATEWAY_CONFIG"), "{text}");
    assert!(
        text.contains(", line ") && text.contains("`nobody`"),
        "{text}"
    );
}

#[tokio::test]
async fn what_is_known_of_an_address_outlives_a_change() {
    let file = file(&[]);
    let path = file.path().to_owned();
    let addr = chassis::testing::free_addr();
    let system = System::start_with(|config| {
        config.gateway_config = Some(path);
        config.worker_http_url = crate::system::origin(addr);
    })
    .await;
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    write(
        &file,
        &[(ROW, ""), ("max_in_flight = 256", "max_in_flight = 99")],
    );
    until(&system, "/v1/me", 404).await;
    // Nobody has to find out again that the worker is away.
    let started = Instant::now();
    let answer = system
        .signed_in(Method::GET, "/v1/jobs")
        .send()
        .await
        .unwrap();
    assert_problem(answer, 503, "unavailable").await;
    assert!(started.elapsed() < Duration::from_millis(40));
}
