//! A gateway with four services behind it.

use std::net::SocketAddr;

use chassis::{Service, config::Secret, testing::free_addr};
use clap::Parser as _;
use gateway::{Config, routing::BUILT_IN};
use http::Method;
use reqwest::{Client, RequestBuilder, Response};
use serde_json::Value;
use tempfile::NamedTempFile;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use crate::{stub::Stub, tokens};

pub struct System {
    pub gateway: SocketAddr,
    pub client: Client,
    pub identity: Stub,
    pub inventory: Stub,
    pub order: Stub,
    pub worker: Stub,
    _service: Service,
}

/// A gateway with its defaults, but for its own address, and without a RabbitMQ.
pub fn config() -> Config {
    let mut config = Config::parse_from(["gateway"]);
    config.http_addr = free_addr();
    config.amqp.amqp_url = Secret::from(format!("amqp://guest:guest@{}/%2f", free_addr()));
    config
}

pub fn origin(addr: SocketAddr) -> gateway::Origins {
    format!("http://{addr}").parse().unwrap()
}

/// The gateway's file with some of its texts replaced, until the value goes.
pub fn file(changes: &[(&str, &str)]) -> NamedTempFile {
    let file = NamedTempFile::new().unwrap();
    write(&file, changes);
    file
}

pub fn write(file: &NamedTempFile, changes: &[(&str, &str)]) {
    let text = changes
        .iter()
        .fold(BUILT_IN.to_owned(), |text, (old, new)| {
            assert!(text.contains(old), "{old} is not in the file");
            text.replace(old, new)
        });
    std::fs::write(file.path(), text).unwrap();
}

impl System {
    pub async fn start() -> Self {
        Self::start_with(|_| {}).await
    }

    /// With its file changed.
    pub async fn start_with_file(changes: &[(&str, &str)]) -> Self {
        let file = file(changes);
        Self::start_with(|config| config.gateway_config = Some(file.path().to_owned())).await
    }

    /// `change` has the last word on the configuration, and so may put something else in a service's place.
    pub async fn start_with(change: impl FnOnce(&mut Config)) -> Self {
        let [identity, inventory, order, worker] = [
            Stub::start("identity-svc").await,
            Stub::start("inventory-svc").await,
            Stub::start("order-svc").await,
            Stub::start("worker").await,
        ];
        let mut config = config();
        config.identity_http_url = origin(identity.addr);
        config.inventory_http_url = origin(inventory.addr);
        config.order_http_url = origin(order.addr);
        config.worker_http_url = origin(worker.addr);
        config.auth.identity_grpc_url = tokens::trust().await;
        config.auth.service_secret = Some(Secret::from("the gateway's in a test"));
        change(&mut config);
        let gateway = config.http_addr;
        let service = gateway::start(config).await.unwrap();
        Self {
            gateway,
            client: Client::new(),
            identity,
            inventory,
            order,
            worker,
            _service: service,
        }
    }

    pub fn stubs(&self) -> [&Stub; 4] {
        [&self.identity, &self.inventory, &self.order, &self.worker]
    }

    pub fn seen(&self) -> usize {
        self.stubs().iter().map(|stub| stub.seen()).sum()
    }

    /// A request without a token, past the cache.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client
            .request(method, format!("http://{}{path}", self.gateway))
            .header("cache-control", "no-cache")
    }

    pub fn get(&self, path: &str) -> RequestBuilder {
        self.request(Method::GET, path)
    }

    /// A request with a valid token.
    pub fn signed_in(&self, method: Method, path: &str) -> RequestBuilder {
        self.request(method, path).bearer_auth(tokens::valid())
    }

    /// Sends a head exactly as it stands, and reads the whole answer.
    pub async fn raw(&self, request_line: &str) -> String {
        let mut stream = TcpStream::connect(self.gateway).await.unwrap();
        let head = format!("{request_line} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    }
}

/// A header of a request as the stub saw it; all of its values.
pub fn header<'a>(told: &'a Value, name: &str) -> Vec<&'a str> {
    told["headers"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|pair| pair[0] == name)
        .map(|pair| pair[1].as_str().unwrap())
        .collect()
}

/// Asserts that an answer is a problem document of this status as the contract wants it.
pub async fn assert_problem(answer: Response, status: u16, kind: &str) -> Value {
    assert_eq!(answer.status(), status);
    assert_eq!(answer.headers()["content-type"], "application/problem+json");
    let request_id = answer.headers()["x-request-id"]
        .to_str()
        .unwrap()
        .to_owned();
    assert!(!request_id.is_empty());
    let problem: Value = answer.json().await.unwrap();
    assert_eq!(problem["type"], format!("urn:problem-type:{kind}"));
    assert_eq!(problem["status"], status);
    assert_eq!(problem["instance"], format!("urn:request:{request_id}"));
    assert!(problem["title"].is_string() && problem["detail"].is_string());
    problem
}
