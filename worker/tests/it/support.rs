//! Fixtures: a database with a worker's tables, workers that watch closely, and an operator who may sign in.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use async_trait::async_trait;
use chassis::{
    Result, Service,
    auth::{Auth, Claims, KeySource, Permissions, Sessions, TOKEN_TYPE},
    health::Check,
    testing::{TestDatabase, empty_database},
};
use chrono::Utc;
use ed25519_dalek::{SigningKey, pkcs8::EncodePrivateKey as _};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, encode};
use proto::identity::v1::trust_service_server::{TrustService, TrustServiceServer};
use sqlx::PgPool;
use tokio::{task::JoinHandle, time};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;
use worker::queue::{Job, JobState, NewJob, Timing, enqueue, work};

/// Close enough for tests of a few seconds.
pub const TIMING: Timing = Timing {
    poll: Duration::from_millis(50),
    heartbeat: Duration::from_secs(1),
    missed_heartbeats: 2,
};

pub async fn database() -> TestDatabase {
    let database = empty_database().await;
    worker::migrate_pool(&database.pool).await.unwrap();
    database
}

/// Waits until something is there; a test fails if it does not come.
pub async fn eventually<T, F: Future<Output = Option<T>>>(mut look: impl FnMut() -> F) -> T {
    for _ in 0..600 {
        if let Some(found) = look().await {
            return found;
        }
        time::sleep(Duration::from_millis(50)).await;
    }
    panic!("waited for 30 s in vain");
}

/// A worker of one kind of job, stopped with the value.
pub struct Worker {
    pub alive: Check,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl Worker {
    pub fn start<J: Job>(pool: &PgPool, job: Arc<J>) -> Self {
        let (alive, stop) = (Check::default(), CancellationToken::new());
        let task = tokio::spawn(work(pool.clone(), TIMING, job, alive.clone(), stop.clone()));
        Self { alive, stop, task }
    }

    pub async fn stop(self) {
        self.stop.cancel();
        self.task.await.unwrap();
    }

    /// Ends it as a crash does: nothing is handed back.
    pub async fn kill(self) {
        self.task.abort();
        self.task.await.unwrap_err();
    }
}

pub async fn add<J: Job>(pool: &PgPool, key: &str, payload: J::Payload) -> String {
    let mut conn = pool.acquire().await.unwrap();
    let job = NewJob::new(key.to_owned(), payload);
    assert_eq!(enqueue::<J>(&mut conn, vec![job]).await.unwrap(), 1);
    sqlx::query_scalar("select id from apalis.jobs where job_type = $1 and idempotency_key = $2")
        .bind(J::KIND)
        .bind(key)
        .fetch_one(&mut *conn)
        .await
        .unwrap()
}

pub async fn state(pool: &PgPool, id: &str) -> JobState {
    sqlx::query_scalar(
        "select job_state(status, attempts, max_attempts) from apalis.jobs where id = $1",
    )
    .bind(id)
    .fetch_one(pool)
    .await
    .unwrap()
}

pub async fn wait_for_state(pool: &PgPool, id: &str, wanted: JobState) {
    eventually(async || (state(pool, id).await == wanted).then_some(())).await;
}

/// A try as the worker recorded it; times in seconds since 1970.
#[derive(Debug, sqlx::FromRow)]
pub struct Try {
    pub attempt: i32,
    pub started: f64,
    pub finished: Option<f64>,
    pub error: Option<String>,
}

pub async fn tries(pool: &PgPool, id: &str) -> Vec<Try> {
    sqlx::query_as(
        "select attempt, extract(epoch from started_at)::float8 as started,
                extract(epoch from finished_at)::float8 as finished, error
         from job_attempts where job_id = $1 order by id",
    )
    .bind(id)
    .fetch_all(pool)
    .await
    .unwrap()
}

/// The REST interface on a port of its own.
pub struct Rest {
    service: Service,
    addr: SocketAddr,
    client: reqwest::Client,
}

impl Rest {
    pub async fn start(pool: &PgPool) -> Self {
        let auth = Auth::new(Arc::new(Keys), Arc::new(NoneEnded), Arc::new(OperatorOnly));
        let (router, openapi) = worker::router(pool.clone(), auth);
        let service = Service::new("worker");
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        let addr = service.serve_http(any, router, openapi).await.unwrap();
        Self {
            service,
            addr,
            client: reqwest::Client::new(),
        }
    }

    pub fn request(&self, method: reqwest::Method, path: &str) -> reqwest::RequestBuilder {
        self.client
            .request(method, format!("http://{}{path}", self.addr))
    }

    /// As the operator; the body of a 200.
    pub async fn get(&self, path: &str) -> serde_json::Value {
        let response = self
            .request(reqwest::Method::GET, path)
            .bearer_auth(token(OPERATOR))
            .send()
            .await
            .unwrap();
        assert_eq!(response.status(), 200, "{path}");
        response.json().await.unwrap()
    }

    pub async fn stop(self) {
        self.service.stop().await;
    }
}

pub const OPERATOR: Uuid = Uuid::from_u128(1);
pub const CUSTOMER: Uuid = Uuid::from_u128(2);

fn key() -> SigningKey {
    SigningKey::from_bytes(&[7; 32])
}

pub fn token(user: Uuid) -> String {
    let now = Utc::now().timestamp();
    let claims = Claims::new(user, "test", now, 60);
    let header = Header {
        typ: Some(TOKEN_TYPE.to_owned()),
        kid: Some("test".to_owned()),
        ..Header::new(Algorithm::EdDSA)
    };
    let secret = EncodingKey::from_ed_der(key().to_pkcs8_der().unwrap().as_bytes());
    encode(&header, &claims, &secret).unwrap()
}

struct Keys;

#[async_trait]
impl KeySource for Keys {
    async fn key(&self, _: &str) -> Result<Option<DecodingKey>> {
        Ok(Some(DecodingKey::from_ed_der(
            key().verifying_key().as_bytes(),
        )))
    }
}

struct NoneEnded;

#[async_trait]
impl Sessions for NoneEnded {
    async fn has_ended(&self, _: Uuid) -> Result<bool> {
        Ok(false)
    }
}

struct OperatorOnly;

#[async_trait]
impl Permissions for OperatorOnly {
    async fn check(&self, user: Uuid, permission: &str) -> Result<bool> {
        Ok(user == OPERATOR && permission == "jobs:manage")
    }
}

/// Serves gRPC at a free port until the test ends; where to reach it.
pub async fn serve_grpc(routes: tonic::service::Routes) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let incoming = tonic::transport::server::TcpIncoming::from(listener);
    tokio::spawn(
        tonic::transport::Server::builder()
            .add_routes(routes)
            .serve_with_incoming(incoming),
    );
    url
}

/// identity-svc, as far as it says whom to trust.
pub fn trust() -> TrustServiceServer<impl TrustService> {
    chassis::testing::trust("test", key().verifying_key().to_bytes(), "a token")
}
