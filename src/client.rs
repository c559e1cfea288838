//! A client of the public REST interface that outlives a restart of the system.

use std::{
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail};
use backon::{BackoffBuilder as _, ExponentialBuilder};
use chassis::config::Secret;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::{Method, StatusCode, header};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json};

const BACKOFF: ExponentialBuilder = ExponentialBuilder::new()
    .with_min_delay(Duration::from_millis(100))
    .with_max_delay(Duration::from_secs(3))
    .with_jitter()
    .without_max_times();

/// A 500 is a defect. It may be a passing one, but nobody waits minutes for it.
const TRIES_AT_A_DEFECT: u32 = 5;

/// A gateway, and how much trouble there is with it.
#[derive(Debug)]
pub struct Api {
    http: reqwest::Client,
    base: String,
    /// For how long a request is tried again before it counts as failed.
    patience: Duration,
    retries: AtomicU64,
    waiting: AtomicUsize,
    last_answer: Mutex<Instant>,
}

impl Api {
    /// # Errors
    /// When `base` is no `http://` address.
    pub fn new(base: &str, patience: Duration) -> anyhow::Result<Self> {
        if !base.starts_with("http://") {
            bail!("the gateway's address must begin with http://, not be `{base}`");
        }
        let http = reqwest::Client::builder()
            .connect_timeout(Duration::from_secs(5))
            .timeout(Duration::from_secs(30))
            .user_agent(concat!("easyorder/", env!("CARGO_PKG_VERSION")))
            .build()?;
        Ok(Self {
            http,
            base: base.trim_end_matches('/').to_owned(),
            patience,
            retries: AtomicU64::new(0),
            waiting: AtomicUsize::new(0),
            last_answer: Mutex::new(Instant::now()),
        })
    }

    pub fn get(&self, path: impl Into<String>) -> Call<'_> {
        self.call(Method::GET, path.into(), None)
    }

    pub fn post(&self, path: impl Into<String>, body: Value) -> Call<'_> {
        self.call(Method::POST, path.into(), Some(body))
    }

    fn call(&self, method: Method, path: String, body: Option<Value>) -> Call<'_> {
        Call {
            api: self,
            method,
            path,
            body,
            key: None,
            account: None,
        }
    }

    pub fn base(&self) -> &str {
        &self.base
    }

    /// How often a request had to be sent again.
    pub fn retries(&self) -> u64 {
        self.retries.load(Ordering::Relaxed)
    }

    /// How many requests wait to be sent again.
    pub fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Relaxed)
    }

    fn last_answer(&self) -> std::sync::MutexGuard<'_, Instant> {
        self.last_answer
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// Somebody who can sign in. An access token is fetched at need and again when it has expired.
#[derive(Debug)]
pub struct Account {
    pub email: String,
    pub name: String,
    pub password: Secret,
    token: tokio::sync::Mutex<Option<Secret>>,
}

#[derive(Deserialize)]
struct Tokens {
    access_token: String,
}

impl Account {
    pub fn new(email: String, name: String, password: Secret) -> Self {
        Self {
            email,
            name,
            password,
            token: tokio::sync::Mutex::default(),
        }
    }

    /// Whether it was registered before, as the administrator sees it.
    ///
    /// # Errors
    /// When `admin` may not see users.
    pub async fn is_registered(&self, api: &Api, admin: &Self) -> anyhow::Result<bool> {
        let path = format!("/v1/users?email={}", encode(&self.email));
        let answer = api.get(path).by(admin).send().await?;
        answer.expect(
            StatusCode::OK,
            "looking for a user (is this an administrator?)",
        )?;
        Ok(answer.body["items"]
            .as_array()
            .is_some_and(|users| !users.is_empty()))
    }

    /// Registers the account. That it exists is fine: the answer is the same.
    ///
    /// # Errors
    /// When the gateway refuses.
    pub async fn register(&self, api: &Api) -> anyhow::Result<()> {
        let body =
            json!({"email": self.email, "password": self.password.expose(), "name": self.name});
        let answer = api.post("/v1/auth/register", body).send().await?;
        answer.expect(StatusCode::CREATED, "registering a customer")
    }

    /// Signs in, unless that was done.
    ///
    /// # Errors
    /// When the gateway refuses.
    pub async fn sign_in(&self, api: &Api) -> anyhow::Result<()> {
        self.token(api).await.map(|_| ())
    }

    /// The access token, for whoever sends requests in another way.
    ///
    /// # Errors
    /// When the gateway refuses.
    pub async fn token(&self, api: &Api) -> anyhow::Result<Secret> {
        let mut token = self.token.lock().await;
        if let Some(token) = &*token {
            return Ok(token.clone());
        }
        let body = json!({"email": self.email, "password": self.password.expose()});
        // Boxed, since a call may need a token and a token needs a call.
        let answer = Box::pin(api.post("/v1/auth/login", body).send()).await?;
        if answer.status == StatusCode::UNAUTHORIZED {
            bail!(
                "{} cannot sign in: is ADMIN_PASSWORD the same as before?",
                self.email
            );
        }
        answer.expect(StatusCode::OK, "signing in")?;
        let fresh = Secret::from(answer.read::<Tokens>()?.access_token);
        *token = Some(fresh.clone());
        Ok(fresh)
    }

    async fn forget(&self, stale: &Secret) {
        let mut token = self.token.lock().await;
        // Another request may have fetched a new one meanwhile.
        if token.as_ref() == Some(stale) {
            *token = None;
        }
    }
}

/// A request that is about to be sent.
#[must_use]
#[derive(Debug)]
pub struct Call<'a> {
    api: &'a Api,
    method: Method,
    path: String,
    body: Option<Value>,
    key: Option<String>,
    account: Option<&'a Account>,
}

impl<'a> Call<'a> {
    /// Sends the request as this user.
    pub fn by(mut self, account: &'a Account) -> Self {
        self.account = Some(account);
        self
    }

    /// Sends the request with an `Idempotency-Key`.
    pub fn key(mut self, key: impl Into<String>) -> Self {
        self.key = Some(key.into());
        self
    }

    /// Sends the request until there is an answer to keep: an outage, a throttle, an expired token and a twin in flight
    /// are waited for.
    ///
    /// # Errors
    /// When there is no such answer within the client's patience, or the account cannot sign in.
    pub async fn send(self) -> anyhow::Result<Answer> {
        let begun = Instant::now();
        let mut backoff = BACKOFF.build();
        let mut renewed = false;
        let mut defects = 0;
        loop {
            let token = match self.account {
                Some(account) => Some(account.token(self.api).await?),
                None => None,
            };
            let (trouble, after, throttled) = match self.attempt(token.as_ref()).await {
                Ok(answer) => {
                    let throttled = answer.status == StatusCode::TOO_MANY_REQUESTS;
                    let expired = answer.status == StatusCode::UNAUTHORIZED && !renewed;
                    if let (true, Some(account), Some(token)) = (expired, self.account, &token) {
                        account.forget(token).await;
                        renewed = true;
                        continue;
                    }
                    defects += u32::from(answer.status == StatusCode::INTERNAL_SERVER_ERROR);
                    if !answer.is_passing() || defects >= TRIES_AT_A_DEFECT {
                        *self.api.last_answer() = Instant::now();
                        return Ok(answer);
                    }
                    renewed = false;
                    (anyhow::anyhow!("{answer}"), answer.retry_after, throttled)
                }
                Err(error) => (error.into(), None, false),
            };
            // A throttle lets everybody through in turn, so it ends only when nobody gets through.
            let idle = self.api.last_answer().elapsed();
            if begun.elapsed() >= self.api.patience && (!throttled || idle >= self.api.patience) {
                let waited = begun.elapsed().as_secs();
                return Err(trouble.context(format!(
                    "{} {} had no answer for {waited} s",
                    self.method, self.path
                )));
            }
            let pause = backoff
                .next()
                .unwrap_or_default()
                .max(after.unwrap_or_default());
            self.api.retries.fetch_add(1, Ordering::Relaxed);
            self.api.waiting.fetch_add(1, Ordering::Relaxed);
            tokio::time::sleep(pause).await;
            self.api.waiting.fetch_sub(1, Ordering::Relaxed);
        }
    }

    async fn attempt(&self, token: Option<&Secret>) -> reqwest::Result<Answer> {
        let url = format!("{}{}", self.api.base, self.path);
        let mut request = self.api.http.request(self.method.clone(), url);
        if let Some(token) = token {
            request = request.bearer_auth(token.expose());
        }
        if let Some(key) = &self.key {
            request = request.header("idempotency-key", key);
        }
        if let Some(body) = &self.body {
            request = request.json(body);
        }
        let begun = Instant::now();
        let response = request.send().await?;
        let text = |name: &str| Some(response.headers().get(name)?.to_str().ok()?.to_owned());
        let mut answer = Answer {
            status: response.status(),
            replayed: text("idempotency-replayed").is_some_and(|value| value == "true"),
            retry_after: text(header::RETRY_AFTER.as_str())
                .and_then(|seconds| seconds.parse().ok())
                .map(Duration::from_secs),
            took: Duration::ZERO,
            body: Value::Null,
        };
        let bytes = response.bytes().await?;
        answer.took = begun.elapsed();
        answer.body = serde_json::from_slice(&bytes).unwrap_or_default();
        Ok(answer)
    }
}

/// What the gateway said.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    /// It was given before, to a request with the same `Idempotency-Key`.
    pub replayed: bool,
    /// From sending the request that was answered to the last byte.
    pub took: Duration,
    pub body: Value,
    retry_after: Option<Duration>,
}

impl Answer {
    /// # Errors
    /// When the body has another shape.
    pub fn read<T: DeserializeOwned>(&self) -> anyhow::Result<T> {
        T::deserialize(&self.body).with_context(|| format!("an answer of an unknown shape, {self}"))
    }

    /// # Errors
    /// When the status is another.
    pub fn expect(&self, status: StatusCode, doing: &str) -> anyhow::Result<()> {
        if self.status != status {
            bail!("{doing}: {self}");
        }
        Ok(())
    }

    /// The type of the problem, without its common prefix; empty if the answer is no problem document.
    pub fn problem(&self) -> &str {
        let kind = self.body["type"].as_str().unwrap_or_default();
        kind.strip_prefix("urn:problem-type:").unwrap_or(kind)
    }

    /// What the problem is, with what is wrong with the first field of several.
    pub fn detail(&self) -> String {
        let detail = self.body["detail"].as_str().unwrap_or_default();
        match self.body["errors"][0]["detail"].as_str() {
            Some(field) => format!("{detail}: {field}"),
            None => detail.to_owned(),
        }
    }

    /// Whether the same request may fare better in a moment.
    fn is_passing(&self) -> bool {
        match self.status {
            StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_EARLY | StatusCode::TOO_MANY_REQUESTS => {
                true
            }
            // A twin of this request is in flight; other conflicts stay.
            StatusCode::CONFLICT => {
                self.retry_after.is_some() || self.problem().contains("in-flight")
            }
            status => status.is_server_error(),
        }
    }
}

impl std::fmt::Display for Answer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.status.as_u16())?;
        for part in [self.problem(), &self.detail()] {
            if !part.is_empty() {
                write!(f, " {part}")?;
            }
        }
        Ok(())
    }
}

/// Fit for a part of a path or query, and for a header.
pub fn encode(text: &str) -> String {
    const KEPT: AsciiSet = NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.');
    utf8_percent_encode(text, &KEPT).to_string()
}

#[cfg(test)]
#[path = "client_tests.rs"]
mod tests;
