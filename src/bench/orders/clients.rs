//! Who places orders.

use std::sync::Arc;

use anyhow::Context as _;
use chassis::config::Secret;
use rand::{SeedableRng as _, rngs::SmallRng};
use reqwest::{
    StatusCode,
    header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue},
};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    bench::{
        load::{Clients, DEADLINE, Refusal, split},
        stock::sku,
    },
    zipf::Zipf,
};

/// The load generator takes its processor time from what it measures: a few tasks do.
const GROUPS: usize = 4;

/// Clients of one task. Each has a request under way, and so a connection.
pub struct Shoppers {
    http: reqwest::Client,
    url: reqwest::Url,
    /// What each of them is authorised by.
    authorization: Vec<HeaderValue>,
    lines: usize,
    skus: Arc<Zipf>,
    rng: SmallRng,
}

/// So many clients, who share the tokens, in groups.
pub fn shoppers(
    gateway_url: &str,
    clients: usize,
    tokens: &[Secret],
    lines: usize,
    skus: &Arc<Zipf>,
) -> anyhow::Result<Vec<Shoppers>> {
    let url: reqwest::Url = format!("{gateway_url}/v1/orders").parse()?;
    let mut authorization = tokens
        .iter()
        .map(|token| HeaderValue::try_from(format!("Bearer {}", token.expose())))
        .collect::<Result<Vec<_>, _>>()
        .context("a token that is no header")?
        .into_iter()
        .cycle();
    split(clients, GROUPS.min(clients))
        .map(|count| {
            Ok(Shoppers {
                // One connection a client: HTTP/1.1 carries one request at a time.
                http: reqwest::Client::builder()
                    .http1_only()
                    .timeout(DEADLINE)
                    .build()?,
                url: url.clone(),
                authorization: authorization.by_ref().take(count).collect(),
                lines,
                skus: skus.clone(),
                rng: SmallRng::from_rng(&mut rand::rng()),
            })
        })
        .collect()
}

impl Shoppers {
    /// One piece of each of some SKUs.
    fn body(&mut self) -> String {
        let lines: Vec<Value> = self
            .skus
            .sample_distinct(self.lines, &mut self.rng)
            .into_iter()
            .map(|number| json!({"sku": sku(number), "quantity": 1}))
            .collect();
        json!({"lines": lines}).to_string()
    }
}

impl Clients for Shoppers {
    fn count(&self) -> usize {
        self.authorization.len()
    }

    fn call(
        &mut self,
        client: usize,
    ) -> impl Future<Output = Result<(), Refusal>> + Send + 'static + use<> {
        let request = self
            .http
            .post(self.url.clone())
            .header(AUTHORIZATION, self.authorization[client].clone())
            .header(CONTENT_TYPE, "application/json")
            .header("idempotency-key", Uuid::new_v4().to_string())
            .body(self.body());
        async move {
            let answer = async {
                let answer = request.send().await?;
                // To the end, so that the connection is free for the next.
                Ok((answer.status(), answer.bytes().await?))
            };
            match answer.await {
                Ok((StatusCode::CREATED, _)) => Ok(()),
                Ok((status, body)) => Err(Refusal {
                    kind: problem(status, &body),
                    doubtful: status.is_server_error(),
                }),
                Err(error) => Err(unanswered(&error)),
            }
        }
    }
}

fn unanswered(error: &reqwest::Error) -> Refusal {
    Refusal {
        kind: if error.is_timeout() {
            "no answer in time"
        } else {
            "a broken connection"
        }
        .to_owned(),
        doubtful: true,
    }
}

fn problem(status: StatusCode, body: &[u8]) -> String {
    let problem: Value = serde_json::from_slice(body).unwrap_or_default();
    let kind = problem["type"].as_str().unwrap_or_default();
    format!("{} {kind}", status.as_u16()).trim_end().to_owned()
}
