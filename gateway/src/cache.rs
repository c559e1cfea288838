//! Answers that are kept for a moment for whoever asks for the same ([RFC 9111](https://www.rfc-editor.org/rfc/rfc9111)).
//!
//! Whoever has changed something through this gateway is given nothing that was read before: a call that changes something
//! ends what is kept of the upstreams that it may concern, before it is answered (as RFC 9111, 4.4 has it for one address).

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering::SeqCst},
    },
    time::{Duration, Instant},
};

use axum::{
    body::{Body, HttpBody as _},
    extract::Request,
    response::Response,
};
use bytes::Bytes;
use chassis::{Error, Result, amqp::EventListener};
use http::{
    HeaderMap, HeaderValue, Method, StatusCode, header,
    uri::{PathAndQuery, Uri},
};
use http_body_util::BodyExt as _;
use moka::{Expiry, future};
use proto::cloudevents::CloudEvent;
use sha2::{Digest as _, Sha256};

use crate::current::Current;

/// Memory for answers, in bytes, about.
const CAPACITY: u64 = 64 * 1024 * 1024;
/// A longer answer is not kept, in bytes.
const LONGEST: u64 = 64 * 1024;
/// Of an answer without an entity tag, so much of its hash becomes one.
const TAG_BYTES: usize = 12;

/// What an upstream has answered since the last call that changed something. No two have the same number.
#[derive(Clone)]
pub(crate) struct Answers(Arc<AtomicU64>);

static NEXT: AtomicU64 = AtomicU64::new(0);

impl Default for Answers {
    fn default() -> Self {
        Self(Arc::new(AtomicU64::new(NEXT.fetch_add(1, SeqCst))))
    }
}

impl Answers {
    /// From now on others are wanted.
    pub(crate) fn clear(&self) {
        self.0.store(NEXT.fetch_add(1, SeqCst), SeqCst);
    }

    fn number(&self) -> u64 {
        self.0.load(SeqCst)
    }
}

/// Ends what is kept of a service that says that something has changed: through another gateway, or by itself.
pub(crate) struct Clearing(pub(crate) Current);

impl Clearing {
    /// Stock, and what is sold.
    pub(crate) const CHANGES: &[&str] = &["inventory.#"];
}

impl EventListener for Clearing {
    /// What is kept is not kept for long, whether anybody hears of changes or not.
    fn set_hearing(&self, _: bool) {}

    fn hear(&self, event: &CloudEvent) -> anyhow::Result<()> {
        let service = event.source.trim_start_matches('/');
        if let Some(upstream) = self.0.plan().upstream(service) {
            upstream.answers().clear();
        }
        Ok(())
    }
}

pub(crate) struct Cache {
    kept: future::Cache<Key, Arc<Kept>>,
}

#[derive(PartialEq, Eq, Hash)]
struct Key {
    answers: u64,
    path: PathAndQuery,
}

struct Kept {
    headers: HeaderMap,
    body: Bytes,
    life: Duration,
}

/// An answer that cannot be kept: the one who asked for it takes it, and the others ask themselves.
type Unkept = Mutex<Option<Result<Response>>>;

impl Cache {
    pub(crate) fn new() -> Self {
        let size = |_: &Key, kept: &Arc<Kept>| {
            // The headers are about as long as a short body.
            u32::try_from(kept.body.len() + 1_024).unwrap_or(u32::MAX)
        };
        Self {
            kept: future::Cache::builder()
                .max_capacity(CAPACITY)
                .weigher(size)
                .expire_after(Life)
                .build(),
        }
    }

    /// The answer to a request that anybody may make, kept for `life`; `ask` gets it from the upstream. Who asks while
    /// another waits for the same gets the same.
    ///
    /// # Errors
    /// Those of `ask`.
    pub(crate) async fn get<F>(
        &self,
        answers: &Answers,
        life: Duration,
        request: Request,
        ask: impl Fn(Request) -> F,
    ) -> Result<Response>
    where
        F: Future<Output = Result<Response>>,
    {
        if request.method() != Method::GET || wants_fresh(request.headers()) {
            return ask(request).await;
        }
        let Some(path) = request.uri().path_and_query().cloned() else {
            return ask(request).await;
        };
        let answers = answers.number();
        let key = Key { answers, path };
        let plain = Plain::of(&request);
        let fetch = async {
            keep(ask(plain.request()).await, life)
                .await
                .map_err(|answer| Mutex::new(Some(answer)))
        };
        match self.kept.try_get_with(key, fetch).await {
            Ok(kept) => Ok(kept.answer()),
            Err(unkept) => {
                let unkept: &Unkept = &unkept;
                let mine = unkept.lock().unwrap_or_else(PoisonError::into_inner).take();
                match mine {
                    Some(answer) => answer,
                    None => ask(plain.request()).await,
                }
            }
        }
    }
}

/// RFC 9111, 5.2.1: who asks for it gets it from the upstream itself.
fn wants_fresh(headers: &HeaderMap) -> bool {
    headers
        .get_all(header::CACHE_CONTROL)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|word| matches!(word.trim(), "no-cache" | "no-store" | "max-age=0"))
}

/// A request as it is made for everybody: without what one of them alone knows or wants.
struct Plain {
    uri: Uri,
    headers: HeaderMap,
}

impl Plain {
    fn of(request: &Request) -> Self {
        let kept = [header::HOST, header::ACCEPT];
        let headers = request.headers();
        Self {
            uri: request.uri().clone(),
            headers: kept
                .into_iter()
                .filter_map(|name| Some((name.clone(), headers.get(name)?.clone())))
                .collect(),
        }
    }

    fn request(&self) -> Request {
        let mut request = Request::new(Body::empty());
        *request.uri_mut() = self.uri.clone();
        *request.headers_mut() = self.headers.clone();
        request
    }
}

/// Reads an answer that may be kept; gives others back.
async fn keep(
    answer: Result<Response>,
    life: Duration,
) -> std::result::Result<Arc<Kept>, Result<Response>> {
    let answer = answer.map_err(Err)?;
    let headers = answer.headers();
    let forbids = headers
        .get(header::CACHE_CONTROL)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|value| value.contains("no-store") || value.contains("private"));
    let is_short = answer
        .body()
        .size_hint()
        .upper()
        .is_some_and(|length| length <= LONGEST);
    // A problem document names the one request that it answers.
    if answer.status() != StatusCode::OK
        || forbids
        || !is_short
        || headers.contains_key(header::SET_COOKIE)
    {
        return Err(Ok(answer));
    }
    let (head, body) = answer.into_parts();
    let body = match body.collect().await {
        Ok(body) => body.to_bytes(),
        Err(error) => return Err(Err(Error::unavailable(error))),
    };
    let mut headers = head.headers;
    // It is of the request that this answered.
    headers.remove(chassis::trace::REQUEST_ID);
    if !headers.contains_key(header::ETAG) {
        headers.insert(header::ETAG, tag(&body));
    }
    // What others keep they must ask about each time; with the entity tag that costs little.
    headers
        .entry(header::CACHE_CONTROL)
        .or_insert(HeaderValue::from_static("no-cache"));
    Ok(Arc::new(Kept {
        headers,
        body,
        life,
    }))
}

/// Weak, since it tells nothing of how the answer is encoded.
fn tag(body: &[u8]) -> HeaderValue {
    let hash = Sha256::digest(body);
    let digits: String = hash[..TAG_BYTES]
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    HeaderValue::try_from(format!("W/\"{digits}\"")).unwrap_or(HeaderValue::from_static("W/\"\""))
}

/// 304 in place of what the client has already ([RFC 9110, 13.1.2](https://www.rfc-editor.org/rfc/rfc9110#section-13.1.2)).
pub(crate) fn make_conditional(wanted: &HeaderValue, answer: &mut Response) {
    if answer.status() != StatusCode::OK {
        return;
    }
    let Some(tag) = answer.headers().get(header::ETAG) else {
        return;
    };
    // By the weak comparison: W/ says nothing here.
    let opaque = |tag: &[u8]| tag.strip_prefix(b"W/").unwrap_or(tag).to_vec();
    let tag = opaque(tag.as_bytes());
    let has_it = wanted
        .as_bytes()
        .split(|byte| *byte == b',')
        .map(<[u8]>::trim_ascii)
        .any(|known| known == b"*" || opaque(known) == tag);
    if has_it {
        *answer.status_mut() = StatusCode::NOT_MODIFIED;
        let headers = answer.headers_mut();
        headers.remove(header::CONTENT_LENGTH);
        headers.remove(header::CONTENT_TYPE);
        *answer.body_mut() = Body::empty();
    }
}

impl Kept {
    fn answer(&self) -> Response {
        let mut answer = Response::new(Body::from(self.body.clone()));
        *answer.headers_mut() = self.headers.clone();
        answer
    }
}

/// Each as long as its route says.
struct Life;

impl Expiry<Key, Arc<Kept>> for Life {
    fn expire_after_create(&self, _: &Key, kept: &Arc<Kept>, _: Instant) -> Option<Duration> {
        Some(kept.life)
    }
}
