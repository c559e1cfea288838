use std::{
    net::IpAddr,
    time::{Duration, Instant},
};

use reqwest::{Method, RequestBuilder, StatusCode, header::HeaderMap};
use serde_json::{Value, json};
use uuid::Uuid;

use super::shop::PATIENCE;

/// A client of the public REST interface, signed in or not.
#[derive(Clone)]
pub struct Client {
    http: reqwest::Client,
    base: String,
    token: Option<String>,
}

/// An answer, read whole.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Value,
}

impl Answer {
    /// The body of an answer of this status; any other fails the test, and shows what came.
    #[track_caller]
    pub fn expect(self, status: u16) -> Value {
        assert_eq!(self.status.as_u16(), status, "{:#}", self.body);
        self.body
    }

    /// The problem of this status and type.
    #[track_caller]
    pub fn expect_problem(self, status: u16, kind: &str) -> Value {
        let content_type = self.headers.get("content-type").cloned();
        let body = self.expect(status);
        assert_eq!(
            content_type.expect("a content type"),
            "application/problem+json"
        );
        assert_eq!(body["type"], format!("urn:problem-type:{kind}"), "{body:#}");
        body
    }

    /// The problem that this field, and no other, is not acceptable.
    #[track_caller]
    pub fn expect_field(self, field: &str) -> Value {
        let problem = self.expect_problem(422, "validation");
        let errors = problem["errors"].as_array().expect("errors");
        let fields: Vec<_> = errors.iter().map(|error| &error["field"]).collect();
        assert_eq!(fields, [field], "{problem:#}");
        problem
    }

    /// Whether the same request may fare better in a moment.
    pub fn is_passing(&self) -> bool {
        match self.status.as_u16() {
            503 | 504 => true,
            409 => self.header("retry-after").is_some(),
            _ => false,
        }
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    pub fn is_replay(&self) -> bool {
        self.header("idempotency-replayed") == Some("true")
    }
}

impl Client {
    pub fn new(base: &str) -> Self {
        Self::from_address(base, None)
    }

    /// One that comes from this address of the machine.
    pub fn from_address(base: &str, address: Option<IpAddr>) -> Self {
        let http = reqwest::Client::builder()
            .local_address(address)
            .timeout(Duration::from_secs(60))
            .build()
            .expect("a client");
        Self {
            http,
            base: base.to_owned(),
            token: None,
        }
    }

    /// The same, signed in.
    pub async fn signed_in(&self, email: &str, password: &str) -> Self {
        let credentials = json!({"email": email, "password": password});
        let tokens = self.post("/v1/auth/login", credentials).await.expect(200);
        let token = tokens["access_token"].as_str().expect("an access token");
        Self {
            token: Some(token.to_owned()),
            ..self.clone()
        }
    }

    pub fn token(&self) -> Option<&str> {
        self.token.as_deref()
    }

    pub fn with_token(&self, token: &str) -> Self {
        Self {
            token: Some(token.to_owned()),
            ..self.clone()
        }
    }

    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let request = self.http.request(method, format!("{}{path}", self.base));
        match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        }
    }

    /// Sends a request; None if the connection broke. Of an answer without end the body is not read.
    pub async fn try_send(request: RequestBuilder) -> Option<Answer> {
        let response = request.send().await.ok()?;
        let (status, headers) = (response.status(), response.headers().clone());
        let endless = headers
            .get("content-type")
            .is_some_and(|kind| kind == "text/event-stream");
        let text = if endless {
            String::new()
        } else {
            response.text().await.ok()?
        };
        let body = serde_json::from_str(&text).unwrap_or(Value::String(text));
        Some(Answer {
            status,
            headers,
            body,
        })
    }

    pub async fn send(request: RequestBuilder) -> Answer {
        Self::try_send(request).await.expect("an answer")
    }

    pub async fn get(&self, path: &str) -> Answer {
        Self::send(self.request(Method::GET, path)).await
    }

    pub async fn delete(&self, path: &str) -> Answer {
        Self::send(self.request(Method::DELETE, path)).await
    }

    pub async fn post(&self, path: &str, body: Value) -> Answer {
        Self::send(self.request(Method::POST, path).json(&body)).await
    }

    pub async fn patch(&self, path: &str, body: Value) -> Answer {
        Self::send(self.request(Method::PATCH, path).json(&body)).await
    }

    pub async fn put(&self, path: &str, body: Value) -> Answer {
        Self::send(self.request(Method::PUT, path).json(&body)).await
    }

    /// A POST that may be repeated.
    pub async fn post_once(&self, path: &str, key: &str, body: Value) -> Answer {
        Self::send(
            self.request(Method::POST, path)
                .header("idempotency-key", key)
                .json(&body),
        )
        .await
    }

    /// Places an order of `(sku, quantity)` lines.
    pub async fn order(&self, key: &str, lines: &[(&str, i64)]) -> Answer {
        Self::send(self.order_request(key, lines)).await
    }

    /// The same; None if the connection broke.
    pub async fn try_order(&self, key: &str, lines: &[(&str, i64)]) -> Option<Answer> {
        Self::try_send(self.order_request(key, lines)).await
    }

    /// The same, sent again until nothing is away any more.
    pub async fn order_in_the_end(&self, key: &str, lines: &[(&str, i64)]) -> Answer {
        let started = Instant::now();
        loop {
            let answer = self.try_order(key, lines).await;
            match answer {
                Some(answer) if !answer.is_passing() => return answer,
                _ => assert!(started.elapsed() < PATIENCE, "no order: {answer:?}"),
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// Who is signed in.
    pub async fn id(&self) -> Uuid {
        let me = self.get("/v1/me").await.expect(200);
        me["id"].as_str().expect("an id").parse().expect("a UUID")
    }

    pub fn order_request(&self, key: &str, lines: &[(&str, i64)]) -> RequestBuilder {
        let lines: Vec<Value> = lines
            .iter()
            .map(|(sku, quantity)| json!({"sku": sku, "quantity": quantity}))
            .collect();
        self.request(Method::POST, "/v1/orders")
            .header("idempotency-key", key)
            .json(&json!({"lines": lines}))
    }
}
