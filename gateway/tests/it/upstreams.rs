//! Several addresses of one service: who gets what, who is left out, who comes back.

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use chassis::testing::{Line, TcpProxy, free_addr};
use futures::future::join_all;
use http::Method;

use crate::{
    stub::Stub,
    system::{System, assert_problem, origin},
};

const ORDER_SVC: &str = "[upstreams.order-svc]\naddresses = [\"$ORDER_HTTP_URL\"]";

/// A gateway with these addresses of order-svc, on these terms.
async fn system(addresses: &[SocketAddr], terms: &str) -> System {
    let addresses: Vec<_> = addresses
        .iter()
        .map(|address| format!("\"http://{address}\""))
        .collect();
    let upstream = format!(
        "[upstreams.order-svc]\naddresses = [{}]\n{terms}",
        addresses.join(", ")
    );
    System::start_with_file(&[(ORDER_SVC, &upstream)]).await
}

#[tokio::test]
async fn addresses_take_turns() {
    let (a, b) = (Stub::start("a").await, Stub::start("b").await);
    for balance in ["round-robin", "least-in-flight"] {
        let system = system(&[a.addr, b.addr], &format!("balance = \"{balance}\"")).await;
        let before = (a.seen(), b.seen());
        for _ in 0..10 {
            let answer = system.signed_in(Method::GET, "/v1/orders").send().await;
            assert_eq!(answer.unwrap().status(), 200);
        }
        let got = (a.seen() - before.0, b.seen() - before.1);
        assert_eq!(got, (5, 5), "{balance}");
    }
}

#[tokio::test]
async fn who_has_less_to_do_gets_more() {
    let (busy, idle) = (Stub::start("busy").await, Stub::start("idle").await);
    let system = system(&[busy.addr, idle.addr], "").await;
    let call = |wish: &'static str| {
        system
            .signed_in(Method::GET, "/v1/orders")
            .header("x-stub", wish)
            .send()
    };
    // One of them does not get on; which of the two is the first one's turn to say.
    let stuck = tokio::spawn(call("never"));
    while busy.seen() + idle.seen() == 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let stuck_is_busy = busy.seen() == 1;
    for _ in 0..6 {
        assert_eq!(call("").await.unwrap().status(), 200);
    }
    let seen = if stuck_is_busy {
        idle.seen()
    } else {
        busy.seen()
    };
    assert_eq!(seen, 6);
    stuck.abort();
}

#[tokio::test]
async fn a_name_stands_for_all_of_its_addresses() {
    let stub = Stub::start("order-svc").await;
    let port = stub.addr.port();
    let upstream = format!("[upstreams.order-svc]\naddresses = [\"http://localhost:{port}\"]");
    let system = System::start_with_file(&[(ORDER_SVC, &upstream)]).await;
    // Where localhost is ::1 too, nobody answers there.
    for _ in 0..4 {
        let answer = system.signed_in(Method::GET, "/v1/orders").send().await;
        assert_eq!(answer.unwrap().status(), 200);
    }
}

#[tokio::test]
async fn no_read_fails_when_one_of_two_goes() {
    let (stays, goes) = (Stub::start("stays").await, Stub::start("goes").await);
    let line = TcpProxy::start(&goes.addr.to_string()).await;
    let system = system(&[stays.addr, line.addr()], "").await;
    let reads = || async {
        let calls = (0..20).map(|_| system.signed_in(Method::GET, "/v1/orders").send());
        for answer in join_all(calls).await {
            assert_eq!(answer.unwrap().status(), 200);
        }
    };
    reads().await;
    assert!(goes.seen() > 0);
    line.set(Line::Cut);
    for _ in 0..10 {
        reads().await;
    }
    let seen = goes.seen();
    line.set(Line::Up);
    let back = Instant::now();
    while goes.seen() == seen {
        reads().await;
        assert!(back.elapsed() < Duration::from_secs(2), "it gets nothing");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn a_service_that_is_gone_costs_nobody_time_and_its_return_is_noticed() {
    let addr = free_addr();
    let system = System::start_with(|config| config.order_http_url = origin(addr)).await;
    let call = || system.signed_in(Method::POST, "/v1/orders").send();
    // It is known to be gone then.
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    let started = Instant::now();
    for answer in join_all((0..50).map(|_| call())).await {
        let answer = answer.unwrap();
        assert_eq!(answer.headers()["retry-after"], "1");
        assert_problem(answer, 503, "unavailable").await;
    }
    assert!(started.elapsed() < Duration::from_secs(1));
    let other = system.get("/v1/products").send().await.unwrap();
    assert_eq!(other.status(), 200);

    let _order = Stub::start_at("order-svc", addr).await;
    let back = Instant::now();
    while call().await.unwrap().status() != 200 {
        assert!(back.elapsed() < Duration::from_secs(2));
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn an_upstream_whose_requests_time_out_is_given_a_rest() {
    let stub = Stub::start("order-svc").await;
    let terms = "breaker = { failures = 5, share = 0.5, time = \"1s\" }\n\
                 ejection = { failures = 1000, time = \"1s\", at_most = \"1s\" }";
    let upstream = format!(
        "[upstreams.order-svc]\naddresses = [\"http://{}\"]\n{terms}",
        stub.addr
    );
    let system = System::start_with_file(&[
        (ORDER_SVC, &upstream),
        ("timeout = \"30s\"", "timeout = \"200ms\""),
    ])
    .await;
    let call = |wish: &'static str| {
        system
            .signed_in(Method::GET, "/v1/orders")
            .header("x-stub", wish)
            .send()
    };
    for answer in join_all((0..5).map(|_| call("never"))).await {
        assert_problem(answer.unwrap(), 504, "deadline-exceeded").await;
    }
    let seen = stub.seen();
    assert_problem(call("").await.unwrap(), 503, "unavailable").await;
    assert_eq!(stub.seen(), seen, "it is left in peace");
    tokio::time::sleep(Duration::from_millis(1_050)).await;
    assert_eq!(call("").await.unwrap().status(), 200);
}

#[tokio::test]
async fn who_waits_for_a_moment_only_harms_nobody_else() {
    let stub = Stub::start("order-svc").await;
    let terms = "breaker = { failures = 5, share = 0.5, time = \"10s\" }\n\
                 ejection = { failures = 5, time = \"10s\", at_most = \"10s\" }";
    let system = system(&[stub.addr], terms).await;
    let impatient = || {
        system
            .signed_in(Method::GET, "/v1/orders")
            .header("x-stub", "never")
            .header("x-request-timeout-ms", "50")
            .send()
    };
    for answer in join_all((0..20).map(|_| impatient())).await {
        assert_problem(answer.unwrap(), 504, "deadline-exceeded").await;
    }
    let patient = system.signed_in(Method::GET, "/v1/orders").send().await;
    assert_eq!(patient.unwrap().status(), 200);
}

#[tokio::test]
async fn an_answer_that_is_read_slowly_keeps_nobody_out() {
    let stub = Stub::start("order-svc").await;
    let system = system(&[stub.addr], "max_in_flight = 1").await;
    let call = |wish: &'static str| {
        system
            .signed_in(Method::GET, "/v1/orders")
            .header("x-stub", wish)
            .send()
    };
    let _unread = call("stall").await.unwrap();
    assert_eq!(call("").await.unwrap().status(), 200);
}

#[tokio::test]
async fn more_than_can_be_done_at_once_is_refused_at_once() {
    let stub = Stub::start("order-svc").await;
    let system = system(&[stub.addr], "max_in_flight = 2").await;
    let call = |wish: &'static str| {
        system
            .signed_in(Method::GET, "/v1/orders")
            .header("x-stub", wish)
            .header("x-request-timeout-ms", "1000")
            .send()
    };
    let stuck = [tokio::spawn(call("never")), tokio::spawn(call("never"))];
    while stub.seen() < 2 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let answer = call("").await.unwrap();
    assert_eq!(answer.headers()["retry-after"], "1");
    assert_problem(answer, 503, "overloaded").await;
    assert_eq!(stub.seen(), 2);
    // Other services have room.
    let other = system
        .signed_in(Method::GET, "/v1/me")
        .send()
        .await
        .unwrap();
    assert_eq!(other.status(), 200);
    // Who has had its time makes room.
    for stuck in stuck {
        let late = stuck.await.unwrap().unwrap();
        assert_problem(late, 504, "deadline-exceeded").await;
    }
    assert_eq!(call("").await.unwrap().status(), 200);
}
