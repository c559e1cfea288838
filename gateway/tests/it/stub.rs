//! A small service that tells what reached it.

use std::{
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU16, AtomicUsize, Ordering},
    },
    time::Duration,
};

use axum::{
    Json, Router,
    body::{Body, Bytes},
    extract::{Request, State},
    response::{IntoResponse as _, Response},
    routing::get,
};
use futures::{StreamExt as _, stream};
use http::{HeaderMap, StatusCode};
use serde_json::{Value, json};
use tokio::{net::TcpListener, sync::mpsc};

/// What a stub says of a request.
pub struct Stub {
    pub name: &'static str,
    pub addr: SocketAddr,
    behaviour: Arc<Behaviour>,
}

pub struct Behaviour {
    name: &'static str,
    /// Requests seen, apart from health and documents.
    seen: AtomicUsize,
    ready_probes: AtomicUsize,
    /// What `/health/ready` answers; 0: nothing at all.
    ready: AtomicU16,
    openapi: Mutex<Value>,
    /// How much of a body has come, piece by piece.
    pieces: mpsc::UnboundedSender<usize>,
    pieces_seen: tokio::sync::Mutex<mpsc::UnboundedReceiver<usize>>,
}

impl Stub {
    pub async fn start(name: &'static str) -> Self {
        Self::start_at(name, SocketAddr::from(([127, 0, 0, 1], 0))).await
    }

    pub async fn start_at(name: &'static str, addr: SocketAddr) -> Self {
        let (pieces, pieces_seen) = mpsc::unbounded_channel();
        let behaviour = Arc::new(Behaviour {
            name,
            seen: AtomicUsize::default(),
            ready_probes: AtomicUsize::default(),
            ready: AtomicU16::new(200),
            openapi: Mutex::new(json!({ "openapi": "3.1.0", "paths": {} })),
            pieces,
            pieces_seen: tokio::sync::Mutex::new(pieces_seen),
        });
        let router = Router::new()
            .route("/health/live", get(async || StatusCode::OK))
            .route("/health/ready", get(ready))
            .route("/openapi.json", get(openapi))
            .fallback(answer)
            .with_state(behaviour.clone());
        let listener = TcpListener::bind(addr).await.unwrap();
        let addr = listener.local_addr().unwrap();
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self {
            name,
            addr,
            behaviour,
        }
    }

    pub fn seen(&self) -> usize {
        self.behaviour.seen.load(Ordering::SeqCst)
    }

    pub fn ready_probes(&self) -> usize {
        self.behaviour.ready_probes.load(Ordering::SeqCst)
    }

    pub fn set_ready(&self, status: u16) {
        self.behaviour.ready.store(status, Ordering::SeqCst);
    }

    pub fn set_openapi(&self, document: Value) {
        *self.behaviour.openapi.lock().unwrap() = document;
    }

    /// The length of the next piece of a body that reached the stub.
    pub async fn piece(&self) -> usize {
        let mut pieces = self.behaviour.pieces_seen.lock().await;
        tokio::time::timeout(Duration::from_secs(5), pieces.recv())
            .await
            .unwrap()
            .unwrap()
    }
}

async fn ready(State(behaviour): State<Arc<Behaviour>>) -> Response {
    behaviour.ready_probes.fetch_add(1, Ordering::SeqCst);
    match behaviour.ready.load(Ordering::SeqCst) {
        0 => std::future::pending().await,
        status => StatusCode::from_u16(status).unwrap().into_response(),
    }
}

async fn openapi(State(behaviour): State<Arc<Behaviour>>) -> Json<Value> {
    Json(behaviour.openapi.lock().unwrap().clone())
}

/// Tells what came; `x-stub` in the request asks for something else.
async fn answer(State(behaviour): State<Arc<Behaviour>>, request: Request) -> Response {
    behaviour.seen.fetch_add(1, Ordering::SeqCst);
    let (head, body) = request.into_parts();
    let wish = head
        .headers
        .get("x-stub")
        .map_or("", |value| value.to_str().unwrap());
    match wish {
        "never" => std::future::pending().await,
        "hop-by-hop" => (
            [
                ("keep-alive", "timeout=5"),
                ("proxy-authenticate", "Basic"),
                ("connection", "x-only-here"),
                ("x-only-here", "1"),
                ("server", "stub"),
                ("etag", "\"1\""),
                ("referrer-policy", "same-origin"),
            ],
            "",
        )
            .into_response(),
        "problem" => (
            StatusCode::CONFLICT,
            [
                ("content-type", "application/problem+json"),
                ("x-more", "1"),
            ],
            r#"{"type":"urn:problem-type:stub","instance":"urn:stub:1",  "status":409}"#,
        )
            .into_response(),
        // A part at once, the rest never.
        "stall" => {
            let first =
                stream::once(async { Ok::<_, std::io::Error>(Bytes::from_static(b"first")) });
            Body::from_stream(first.chain(stream::pending())).into_response()
        }
        "large" => {
            let mebibyte = Bytes::from(vec![b'x'; 1 << 20]);
            let pieces = (0..64).map(move |_| Ok::<_, std::io::Error>(mebibyte.clone()));
            Body::from_stream(stream::iter(pieces)).into_response()
        }
        _ => tell(&behaviour, &head, body).await,
    }
}

async fn tell(behaviour: &Behaviour, head: &http::request::Parts, body: Body) -> Response {
    let mut length = 0;
    let mut body = body.into_data_stream();
    while let Some(piece) = body.next().await {
        let Ok(piece) = piece else {
            return StatusCode::IM_A_TEAPOT.into_response();
        };
        length += piece.len();
        let _ = behaviour.pieces.send(piece.len());
    }
    Json(json!({
        "service": behaviour.name,
        "method": head.method.as_str(),
        "uri": head.uri.to_string(),
        "headers": texts(&head.headers),
        "length": length,
    }))
    .into_response()
}

fn texts(headers: &HeaderMap) -> Vec<(String, String)> {
    headers
        .iter()
        .map(|(name, value)| {
            (
                name.to_string(),
                String::from_utf8_lossy(value.as_bytes()).into_owned(),
            )
        })
        .collect()
}
