use std::time::{Duration, Instant};

use chassis::testing::free_addr;
use futures::future::join_all;
use serde_json::{Value, json};

use crate::system::{System, origin};

async fn ready(system: &System) -> (u16, Value) {
    let answer = system.get("/health/ready").send().await.unwrap();
    (answer.status().as_u16(), answer.json().await.unwrap())
}

/// Longer than an answer is kept.
async fn wait() {
    tokio::time::sleep(Duration::from_millis(600)).await;
}

#[tokio::test]
async fn the_gateway_lives_whatever_is_behind_it() {
    let system = System::start_with(|config| config.order_http_url = origin(free_addr())).await;
    let answer = system.get("/health/live").send().await.unwrap();
    assert_eq!(answer.status(), 200);
    assert_eq!(
        answer.json::<Value>().await.unwrap(),
        json!({ "status": "up" })
    );
}

#[tokio::test]
async fn the_gateway_is_ready_when_all_services_are() {
    let system = System::start().await;
    let (status, report) = ready(&system).await;
    assert_eq!(status, 200, "{report}");
    assert_eq!(report["status"], "up");
    for stub in system.stubs() {
        assert_eq!(report["checks"][stub.name], "up");
    }

    system.order.set_ready(503);
    wait().await;
    let (status, report) = ready(&system).await;
    assert_eq!(status, 503);
    assert_eq!(report["status"], "down");
    assert_eq!(report["checks"]["order-svc"], "down");
    assert_eq!(report["checks"]["worker"], "up");

    system.order.set_ready(200);
    wait().await;
    assert_eq!(ready(&system).await.0, 200);
}

#[tokio::test]
async fn a_service_that_does_not_say_is_down() {
    let system = System::start_with(|config| config.worker_http_url = origin(free_addr())).await;
    system.identity.set_ready(0);
    system.order.set_ready(0);
    let started = Instant::now();
    let (status, report) = ready(&system).await;
    // They are asked at the same time.
    assert!(started.elapsed() < Duration::from_millis(1_900));
    assert_eq!(status, 503);
    for (name, condition) in [
        ("identity-svc", "down"),
        ("inventory-svc", "up"),
        ("order-svc", "down"),
        ("worker", "down"),
    ] {
        assert_eq!(report["checks"][name], condition, "{name}");
    }
}

#[tokio::test]
async fn many_who_ask_at_once_make_one_probe() {
    let system = System::start().await;
    let answers = join_all((0..50).map(|_| ready(&system))).await;
    assert!(answers.iter().all(|(status, _)| *status == 200));
    assert!(
        system.order.ready_probes() <= 3,
        "{}",
        system.order.ready_probes()
    );
}
