//! How much each caller may ask for.

use std::net::SocketAddr;

use chassis::config::Secret;
use futures::future::join_all;
use http::Method;
use tempfile::NamedTempFile;

use crate::{
    system::{System, assert_problem, file, origin},
    tokens,
};

const STANDARD: &str = "standard = { requests = 6000, per = \"1m\" }";

fn limited(requests: u32, per: &str) -> NamedTempFile {
    let limit = format!("standard = {{ requests = {requests}, per = \"{per}\" }}");
    file(&[(STANDARD, &limit)])
}

async fn system(requests: u32, per: &str) -> System {
    let file = limited(requests, per);
    System::start_with(|config| config.gateway_config = Some(file.path().to_owned())).await
}

#[tokio::test]
async fn who_asks_too_often_is_told_when_to_come_again() {
    let system = system(3, "2s").await;
    let call = || system.get("/v1/products").send();
    for left in [2, 1, 0] {
        let answer = call().await.unwrap();
        assert_eq!(answer.status(), 200);
        assert_eq!(answer.headers()["ratelimit-policy"], "\"standard\";q=3;w=2");
        assert_eq!(
            answer.headers()["ratelimit"],
            format!("\"standard\";r={left};t=2")
        );
    }
    let seen = system.seen();
    let answer = call().await.unwrap();
    let wait: u64 = answer.headers()["retry-after"]
        .to_str()
        .unwrap()
        .parse()
        .unwrap();
    assert!((1..=2).contains(&wait));
    assert_eq!(
        answer.headers()["ratelimit"],
        format!("\"standard\";r=0;t={wait}")
    );
    assert_problem(answer, 429, "too-many-requests").await;
    assert_eq!(system.seen(), seen, "no service is asked");
    tokio::time::sleep(std::time::Duration::from_secs(wait)).await;
    assert_eq!(call().await.unwrap().status(), 200);
}

#[tokio::test]
async fn each_caller_and_each_route_is_counted_for_itself() {
    let system = system(1, "1m").await;
    let user = uuid::Uuid::now_v7();
    let (ann, ben) = (tokens::valid_for(user), tokens::valid());
    let call =
        |path: &str, token: &str| system.request(Method::GET, path).bearer_auth(token).send();
    let status = async |path: &str, token: &str| call(path, token).await.unwrap().status().as_u16();
    assert_eq!(status("/v1/orders/1", &ann).await, 200);
    // The template counts, not the path; and another token is not another caller.
    assert_eq!(status("/v1/orders/2", &ann).await, 429);
    let another = tokens::valid_for(user);
    assert_eq!(status("/v1/orders/2", &another).await, 429);
    assert_eq!(status("/v1/orders", &ann).await, 200);
    assert_eq!(status("/v1/orders/1", &ben).await, 200);
    // What anybody can write in a header makes nobody another one.
    let forged = |value: &str| {
        system
            .get("/v1/products")
            .header("x-forwarded-for", value)
            .header("x-client-id", value)
            .send()
    };
    assert_eq!(forged("192.0.2.1").await.unwrap().status(), 200);
    assert_eq!(forged("192.0.2.2").await.unwrap().status(), 429);
}

#[tokio::test]
async fn guesses_count_for_the_address_that_they_come_from() {
    let system = system(2, "1m").await;
    let guess = || {
        let request = system
            .request(Method::GET, "/v1/me")
            .bearer_auth("no.such.token");
        request.send()
    };
    assert_eq!(guess().await.unwrap().status(), 401);
    assert_eq!(guess().await.unwrap().status(), 401);
    assert_problem(guess().await.unwrap(), 429, "too-many-requests").await;
    // Who has a token is somebody else.
    let known = system
        .signed_in(Method::GET, "/v1/me")
        .send()
        .await
        .unwrap();
    assert_eq!(known.status(), 200);
}

#[tokio::test]
async fn limits_may_be_switched_off() {
    let file = limited(1, "1m");
    let system = System::start_with(|config| {
        config.gateway_config = Some(file.path().to_owned());
        config.rate_limits = gateway::RateLimits::Off;
    })
    .await;
    for _ in 0..5 {
        let answer = system.get("/v1/products").send().await.unwrap();
        assert_eq!(answer.status(), 200);
        assert!(!answer.headers().contains_key("ratelimit"));
    }
}

fn redis() -> String {
    std::env::var("EASYORDER_TEST_REDIS_URL")
        .unwrap_or_else(|_| "redis://127.0.0.1:6379".to_owned())
}

async fn redis_answers() -> bool {
    let address = redis().trim_start_matches("redis://").to_owned();
    let address = address.split('/').next().unwrap_or_default().to_owned();
    let there = tokio::net::TcpStream::connect(&address).await.is_ok();
    if !there {
        println!("skipped: no Redis at {address}; EASYORDER_TEST_REDIS_URL may name another");
    }
    there
}

/// Two replicas of one gateway, before the same services.
async fn replicas(requests: u32) -> [System; 2] {
    let file = limited(requests, "1m");
    let start = || {
        System::start_with(|config| {
            config.gateway_config = Some(file.path().to_owned());
            config.redis_url = Some(Secret::from(redis()));
        })
    };
    [start().await, start().await]
}

#[tokio::test(flavor = "multi_thread")]
async fn replicas_with_redis_hold_one_limit_exactly() {
    if !redis_answers().await {
        return;
    }
    let systems = replicas(100).await;
    let token = tokens::valid();
    let calls = (0..400).map(|number| {
        let system = &systems[number % 2];
        system
            .request(Method::GET, "/v1/orders")
            .bearer_auth(&token)
            .send()
    });
    let mut admitted = 0;
    for answer in join_all(calls).await {
        match answer.unwrap().status().as_u16() {
            200 => admitted += 1,
            429 => {}
            other => panic!("{other}"),
        }
    }
    assert_eq!(admitted, 100);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_redis_each_replica_counts_by_itself() {
    let away: SocketAddr = chassis::testing::free_addr();
    let file = limited(3, "1m");
    let system = System::start_with(|config| {
        config.gateway_config = Some(file.path().to_owned());
        config.redis_url = Some(Secret::from(format!("redis://{away}")));
        config.order_http_url = origin(config.inventory_http_url.to_string()[7..].parse().unwrap());
    })
    .await;
    let mut statuses = Vec::new();
    for _ in 0..5 {
        let answer = system.get("/v1/products").send().await.unwrap();
        statuses.push(answer.status().as_u16());
    }
    assert_eq!(statuses, [200, 200, 200, 429, 429]);
}
