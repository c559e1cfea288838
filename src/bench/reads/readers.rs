//! Who asks.

use std::sync::Arc;

use anyhow::Context as _;
use chassis::config::Secret;
use rand::{SeedableRng as _, rngs::SmallRng, seq::IndexedRandom as _};
use reqwest::{
    StatusCode,
    header::{AUTHORIZATION, HeaderValue},
};

use crate::bench::load::{Clients, DEADLINE, Refusal, split};

/// The load generator takes its processor time from what it measures: a few tasks do.
const GROUPS: usize = 4;

/// Readers of one task, all of whom ask the same question. Each has a connection that stays open.
pub struct Readers {
    http: reqwest::Client,
    base: String,
    authorization: HeaderValue,
    paths: Arc<[String]>,
    count: usize,
    rng: SmallRng,
}

/// So many readers, in groups.
pub fn readers(
    gateway_url: &str,
    token: &Secret,
    paths: &Arc<[String]>,
    count: usize,
) -> anyhow::Result<Vec<Readers>> {
    let authorization = bearer(token)?;
    split(count, GROUPS.min(count))
        .map(|count| {
            Ok(Readers {
                http: client()?,
                base: gateway_url.to_owned(),
                authorization: authorization.clone(),
                paths: paths.clone(),
                count,
                rng: SmallRng::from_rng(&mut rand::rng()),
            })
        })
        .collect()
}

/// One connection a request that is under way: HTTP/1.1 carries one at a time.
pub fn client() -> anyhow::Result<reqwest::Client> {
    Ok(reqwest::Client::builder()
        .http1_only()
        .timeout(DEADLINE)
        .build()?)
}

pub fn bearer(token: &Secret) -> anyhow::Result<HeaderValue> {
    HeaderValue::try_from(format!("Bearer {}", token.expose())).context("a token that is no header")
}

/// Sends the request and reads the answer to its end, so that the connection is free for the next.
pub async fn send(
    request: reqwest::RequestBuilder,
    expected: StatusCode,
) -> Result<Vec<u8>, Refusal> {
    let answer = async {
        let answer = request.send().await?;
        Ok((answer.status(), answer.bytes().await?))
    };
    let kind = match answer.await {
        Ok((status, body)) if status == expected => return Ok(body.into()),
        Ok((status, body)) => {
            let problem: serde_json::Value = serde_json::from_slice(&body).unwrap_or_default();
            let kind = problem["type"].as_str().unwrap_or_default();
            format!("{} {kind}", status.as_u16()).trim_end().to_owned()
        }
        Err::<_, reqwest::Error>(error) if error.is_timeout() => "no answer in time".to_owned(),
        Err(_) => "a broken connection".to_owned(),
    };
    Err(Refusal {
        kind,
        doubtful: false,
    })
}

impl Clients for Readers {
    fn count(&self) -> usize {
        self.count
    }

    fn call(
        &mut self,
        _: usize,
    ) -> impl Future<Output = Result<(), Refusal>> + Send + 'static + use<> {
        let path = self.paths.choose(&mut self.rng).map_or("/", String::as_str);
        let request = self
            .http
            .get(format!("{}{path}", self.base))
            .header(AUTHORIZATION, self.authorization.clone());
        async move { send(request, StatusCode::OK).await.map(drop) }
    }
}
