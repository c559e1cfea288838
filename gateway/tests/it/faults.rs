use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use chassis::testing::{Line, TcpProxy, free_addr};
use http::Method;
use tokio::net::{TcpSocket, TcpStream};

use crate::{
    stub::Stub,
    system::{System, assert_problem, origin},
};

#[tokio::test]
async fn a_service_that_is_away_is_a_503_problem_until_it_is_back() {
    let addr = free_addr();
    let system = System::start_with(|config| config.order_http_url = origin(addr)).await;
    let call = || system.signed_in(Method::GET, "/v1/orders").send();

    let answer = call().await.unwrap();
    assert_eq!(answer.headers()["retry-after"], "1");
    let problem = assert_problem(answer, 503, "unavailable").await;
    assert!(
        !problem.to_string().contains(&addr.port().to_string()),
        "addresses stay inside: {problem}"
    );
    // The others go on.
    assert_eq!(
        system.get("/v1/products").send().await.unwrap().status(),
        200
    );

    let _order = Stub::start_at("order-svc", addr).await;
    assert_eq!(call().await.unwrap().status(), 200);
}

#[tokio::test]
async fn a_service_that_takes_no_connection_is_given_up_soon() {
    // Nobody accepts, and the queue of those who wait is full: further callers get no answer at all.
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
    let listener = socket.listen(1).unwrap();
    let addr = listener.local_addr().unwrap();
    let mut waiting = Vec::new();
    while let Ok(connected) =
        tokio::time::timeout(Duration::from_millis(200), TcpStream::connect(addr)).await
    {
        waiting.push(connected.unwrap());
    }
    let system = System::start_with(|config| config.order_http_url = origin(addr)).await;
    let started = Instant::now();
    let answer = system
        .signed_in(Method::GET, "/v1/orders")
        .send()
        .await
        .unwrap();
    assert_problem(answer, 503, "unavailable").await;
    assert!(
        (2..4).contains(&started.elapsed().as_secs()),
        "{:?}",
        started.elapsed()
    );
}

#[tokio::test]
async fn a_connection_that_breaks_is_a_503_problem_and_the_next_one_works() {
    let stub = Stub::start("order-svc").await;
    let line = TcpProxy::start(&stub.addr.to_string()).await;
    let system = System::start_with(|config| config.order_http_url = origin(line.addr())).await;
    let call = |wish: &str| {
        system
            .signed_in(Method::POST, "/v1/orders")
            .header("x-stub", wish)
            .send()
    };
    assert_eq!(call("").await.unwrap().status(), 200);

    let waiting = tokio::spawn(call("never"));
    while stub.seen() < 2 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    line.set(Line::Cut);
    let answer = waiting.await.unwrap().unwrap();
    assert_eq!(answer.headers()["retry-after"], "1");
    assert_problem(answer, 503, "unavailable").await;
    assert_problem(call("").await.unwrap(), 503, "unavailable").await;

    line.set(Line::Up);
    assert_eq!(call("").await.unwrap().status(), 200);
}

#[tokio::test]
async fn idle_connections_that_a_restart_closed_cost_no_request() {
    let stub = Stub::start("order-svc").await;
    let line = TcpProxy::start(&stub.addr.to_string()).await;
    let system = System::start_with(|config| config.order_http_url = origin(line.addr())).await;
    for _ in 0..5 {
        let answer = system
            .signed_in(Method::POST, "/v1/orders")
            .send()
            .await
            .unwrap();
        assert_eq!(answer.status(), 200);
        line.outage(Duration::from_millis(50)).await;
    }
}
