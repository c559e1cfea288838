use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use async_trait::async_trait;
use axum::body::BodyDataStream;
use chassis::{
    Result,
    amqp::StreamReader as _,
    auth::{Claims, KeySource, Permissions, Sessions, TOKEN_TYPE},
};
use chrono::Utc;
use ed25519_dalek::{SigningKey, pkcs8::EncodePrivateKey as _};
use futures::StreamExt as _;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, encode};
use proto::{cloudevents::CloudEvent, events::incentive::POINTS_EARNED};
use serde_json::json;
use tokio::time::timeout;
use uuid::Uuid;

use super::{
    super::{
        hub::{Hub, LastSeen},
        limits::Limits,
        window::{Bounds, Topic},
    },
    *,
};

/// However busy the machine.
const PATIENCE: Duration = Duration::from_secs(20);

/// One key, and a session that ends when the test says so.
#[derive(Default)]
struct Identity {
    ended: AtomicBool,
}

const RESET: &str = "id: \nevent: reset\ndata: {}\n\n";
const KEY: [u8; 32] = [7; 32];

#[async_trait]
impl KeySource for Identity {
    async fn key(&self, _: &str) -> Result<Option<DecodingKey>> {
        let public = SigningKey::from_bytes(&KEY).verifying_key();
        Ok(Some(DecodingKey::from_ed_der(public.as_bytes())))
    }
}

#[async_trait]
impl Sessions for Identity {
    async fn has_ended(&self, _: Uuid) -> Result<bool> {
        Ok(self.ended.load(Ordering::SeqCst))
    }
}

#[async_trait]
impl Permissions for Identity {
    async fn check(&self, _: Uuid, _: &str) -> Result<bool> {
        Ok(false)
    }
}

/// A token that is good for so many seconds, less the difference that clocks may have.
fn token(customer: Uuid, seconds: i64) -> String {
    let mut claims = Claims::new(customer, "easyorder", Utc::now().timestamp(), seconds - 5);
    claims.sid = Some(Uuid::now_v7());
    let mut header = Header::new(Algorithm::EdDSA);
    header.typ = Some(TOKEN_TYPE.to_owned());
    header.kid = Some("key".to_owned());
    let key = SigningKey::from_bytes(&KEY).to_pkcs8_der().unwrap();
    encode(&header, &claims, &EncodingKey::from_ed_der(key.as_bytes())).unwrap()
}

/// A customer's stream and what it hangs on.
struct Scene {
    hub: Arc<Hub>,
    customer: Uuid,
    identity: Arc<Identity>,
    stop: CancellationToken,
}

impl Scene {
    fn new() -> Self {
        Self {
            hub: Arc::new(Hub::new(Bounds {
                age: Duration::from_secs(600),
                events: 100,
                bytes: 1 << 20,
            })),
            customer: Uuid::now_v7(),
            identity: Arc::default(),
            stop: CancellationToken::new(),
        }
    }

    fn open(&self, seconds: i64, change: impl FnOnce(&mut Open)) -> BodyDataStream {
        self.open_at(Topic::Customer(self.customer), seconds, change)
    }

    fn open_at(
        &self,
        topic: Topic,
        seconds: i64,
        change: impl FnOnce(&mut Open),
    ) -> BodyDataStream {
        let (stream, _) = self.hub.open(topic, LastSeen::Nothing);
        let identity = self.identity.clone();
        let mut open = Open {
            stream,
            pending: VecDeque::new(),
            ahead: None,
            version: None,
            over: false,
            auth: Auth::new(identity.clone(), identity.clone(), identity),
            token: token(self.customer, seconds),
            stop: self.stop.clone(),
            _permit: Arc::new(Limits::new(1)).take(self.customer).unwrap(),
        };
        change(&mut open);
        respond(open).into_body().into_data_stream()
    }

    fn happens(&self, offset: u64, version: i64) {
        let data = json!({"customer_id": self.customer, "order_id": Uuid::nil(), "points": 1});
        let (kind, subject) = (POINTS_EARNED, self.customer);
        let event = CloudEvent::new("/test", kind, subject, Some(version), Utc::now(), &data);
        self.hub.read(offset, event.unwrap()).unwrap();
    }
}

async fn next(body: &mut BodyDataStream) -> Option<String> {
    let frame = timeout(PATIENCE, body.next()).await.expect("in time")?;
    Some(String::from_utf8(frame.unwrap().into()).unwrap())
}

fn is_event(frame: Option<String>, offset: u64) -> bool {
    frame.is_some_and(|frame| frame.starts_with(&format!("id: {offset}\nevent: {POINTS_EARNED}\n")))
}

#[tokio::test]
async fn what_happens_is_sent_until_the_session_ends() {
    let scene = Scene::new();
    let mut body = scene.open(900, |_| {});
    for offset in 1..=3 {
        scene.happens(offset, 1);
        assert!(is_event(next(&mut body).await, offset));
    }
    scene.identity.ended.store(true, Ordering::SeqCst);
    assert_eq!(next(&mut body).await, None);
}

#[tokio::test]
async fn nothing_is_sent_to_a_slow_client_whose_session_has_ended() {
    let scene = Scene::new();
    let mut body = scene.open(900, |_| {});
    scene.happens(1, 1);
    assert!(is_event(next(&mut body).await, 1));
    scene.identity.ended.store(true, Ordering::SeqCst);
    scene.happens(2, 1);
    tokio::time::sleep(CHECK * 2).await;
    assert_eq!(next(&mut body).await, None);
}

#[tokio::test]
async fn it_ends_with_its_token() {
    let scene = Scene::new();
    let mut body = scene.open(2, |_| {});
    scene.happens(1, 1);
    assert!(is_event(next(&mut body).await, 1));
    assert_eq!(next(&mut body).await, None);
}

#[tokio::test]
async fn it_ends_at_once_when_the_service_stops() {
    let scene = Scene::new();
    let mut body = scene.open(900, |open| open.pending.push_back(frames::RETRY));
    scene.stop.cancel();
    assert_eq!(next(&mut body).await, None);
}

#[tokio::test]
async fn what_the_order_shows_already_is_not_sent() {
    let scene = Scene::new();
    let mut body = scene.open(900, |open| open.version = Some(2));
    for (offset, version) in [(1, 1), (2, 2), (3, 3)] {
        scene.happens(offset, version);
    }
    assert!(is_event(next(&mut body).await, 3));
}

#[tokio::test]
async fn a_client_that_has_seen_more_gets_what_comes_after_that() {
    let scene = Scene::new();
    scene.hub.set_reading(true);
    let mut body = scene.open(900, |open| open.ahead = Some(2));
    for offset in 1..=4 {
        scene.happens(offset, 1);
    }
    assert!(is_event(next(&mut body).await, 3));
    assert!(is_event(next(&mut body).await, 4));
}

#[tokio::test]
async fn a_client_that_claims_to_have_seen_what_never_comes_is_told_so() {
    let scene = Scene::new();
    let mut body = scene.open(900, |open| open.ahead = Some(1_000));
    scene.happens(1, 1);
    // Nobody knows that while nothing is read.
    assert!(timeout(GIVE_UP + CHECK * 2, body.next()).await.is_err());
    scene.hub.set_reading(true);
    assert_eq!(next(&mut body).await.as_deref(), Some(RESET));
    scene.happens(2, 1);
    assert!(is_event(next(&mut body).await, 2));
}

#[tokio::test]
async fn an_interruption_is_sent_as_a_reset() {
    let scene = Scene::new();
    let mut of_customer = scene.open(900, |_| {});
    let mut of_order = scene.open_at(Topic::Order(Uuid::now_v7()), 900, |_| {});
    scene.hub.interrupted();
    assert_eq!(next(&mut of_customer).await.as_deref(), Some(RESET));
    scene.happens(1, 1);
    assert!(is_event(next(&mut of_customer).await, 1));
    // Its client comes again for the whole order.
    assert_eq!(next(&mut of_order).await.as_deref(), Some(RESET));
    assert_eq!(next(&mut of_order).await, None);
}
