//! What is sent again, and what is not.

use std::{
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
};

use http::Method;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};

use crate::system::{System, assert_problem, origin};

/// A service that breaks off so many requests after it has read them.
struct Flaky {
    addr: SocketAddr,
    left: Arc<AtomicUsize>,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Flaky {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let flaky = Self {
            addr: listener.local_addr().unwrap(),
            left: Arc::default(),
            requests: Arc::default(),
        };
        let (left, requests) = (flaky.left.clone(), flaky.requests.clone());
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, left.clone(), requests.clone()));
            }
        });
        flaky
    }

    fn break_off(&self, times: usize) {
        self.left.store(times, SeqCst);
    }

    fn taken(&self) -> Vec<String> {
        std::mem::take(&mut self.requests.lock().unwrap())
    }
}

async fn serve(mut stream: TcpStream, left: Arc<AtomicUsize>, requests: Arc<Mutex<Vec<String>>>) {
    let mut text = String::new();
    let mut buffer = [0; 4_096];
    while let Ok(read @ 1..) = stream.read(&mut buffer).await {
        text.push_str(str::from_utf8(&buffer[..read]).unwrap());
        let Some((head, body)) = text.split_once("\r\n\r\n") else {
            continue;
        };
        let length = head
            .lines()
            .find_map(|line| line.strip_prefix("content-length: "))
            .map_or(0, |length| length.parse().unwrap());
        if body.len() < length {
            continue;
        }
        if !head.starts_with("GET /health/live ") {
            requests.lock().unwrap().push(text.clone());
            let broken = left.fetch_update(SeqCst, SeqCst, |left| left.checked_sub(1));
            if broken.is_ok() {
                return;
            }
        }
        text.clear();
        let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}";
        stream.write_all(answer).await.unwrap();
    }
}

#[tokio::test]
async fn a_read_that_broke_off_is_made_again() {
    let flaky = Flaky::start().await;
    let system = System::start_with(|config| config.order_http_url = origin(flaky.addr)).await;
    flaky.break_off(2);
    let answer = system.signed_in(Method::GET, "/v1/orders").send().await;
    assert_eq!(answer.unwrap().status(), 200);
    assert_eq!(flaky.taken().len(), 3);
    // No more than the route allows.
    flaky.break_off(3);
    let answer = system.signed_in(Method::GET, "/v1/orders").send().await;
    assert_problem(answer.unwrap(), 503, "unavailable").await;
    assert_eq!(flaky.taken().len(), 3);
}

#[tokio::test]
async fn a_write_is_made_again_only_if_it_takes_effect_once() {
    let flaky = Flaky::start().await;
    let system = System::start_with(|config| config.order_http_url = origin(flaky.addr)).await;
    let body = r#"{"lines":[{"sku":"a","quantity":1}]}"#;
    let post = || system.signed_in(Method::POST, "/v1/orders").body(body);

    flaky.break_off(1);
    let answer = post().send().await.unwrap();
    assert_problem(answer, 503, "unavailable").await;
    assert_eq!(flaky.taken().len(), 1);

    flaky.break_off(1);
    let answer = post().header("idempotency-key", "k1").send().await.unwrap();
    assert_eq!(answer.status(), 200);
    let taken = flaky.taken();
    assert_eq!(taken.len(), 2);
    for request in taken {
        assert!(request.contains("idempotency-key: k1"), "{request}");
        assert!(request.ends_with(body), "{request}");
    }

    // A body that is too long to be kept is sent once.
    flaky.break_off(1);
    let long = "x".repeat(100_000);
    let post = system.signed_in(Method::POST, "/v1/orders").body(long);
    let answer = post.header("idempotency-key", "k2").send().await.unwrap();
    assert_problem(answer, 503, "unavailable").await;
    assert_eq!(flaky.taken().len(), 1);
}

#[tokio::test]
async fn retries_do_not_multiply_the_load_of_a_service_that_fails() {
    let flaky = Flaky::start().await;
    let terms = "[upstreams.order-svc]\naddresses = [\"$ORDER_HTTP_URL\"]\n\
                 ejection = { failures = 1000, time = \"1s\", at_most = \"1s\" }\n\
                 breaker = { failures = 1000, share = 0.5, time = \"1s\" }\n\
                 retry_budget = { share = 0.1, per_second = 0 }";
    let file = crate::system::file(&[(
        "[upstreams.order-svc]\naddresses = [\"$ORDER_HTTP_URL\"]",
        terms,
    )]);
    let system = System::start_with(|config| {
        config.order_http_url = origin(flaky.addr);
        config.gateway_config = Some(file.path().to_owned());
    })
    .await;
    flaky.break_off(usize::MAX);
    for _ in 0..100 {
        let answer = system.signed_in(Method::GET, "/v1/orders").send().await;
        assert_eq!(answer.unwrap().status(), 503);
    }
    let taken = flaky.taken().len();
    assert!((101..=111).contains(&taken), "{taken}");
}

#[tokio::test]
async fn a_service_is_told_how_long_the_caller_waits() {
    let flaky = Flaky::start().await;
    let system = System::start_with(|config| config.order_http_url = origin(flaky.addr)).await;
    let told = async |asked: Option<&str>| {
        let mut request = system.signed_in(Method::GET, "/v1/orders");
        if let Some(asked) = asked {
            request = request.header("x-request-timeout-ms", asked);
        }
        request.send().await.unwrap();
        let taken = flaky.taken().remove(0);
        let line = taken
            .lines()
            .find_map(|line| line.strip_prefix("x-request-timeout-ms: "));
        line.unwrap().parse::<u64>().unwrap()
    };
    assert!((29_000..=30_000).contains(&told(None).await));
    assert!((4_000..=5_000).contains(&told(Some("5000")).await));
    // Nobody may wait for longer than the route allows.
    assert!(told(Some("99999999")).await <= 30_000);
    assert!(told(Some("soon")).await > 29_000);
}
