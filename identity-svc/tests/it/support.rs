use chassis::{
    Service,
    amqp::Bus,
    auth::Auth,
    config::Secret,
    grpc::{Channel, Peers},
    testing::{self, TestDatabase},
};
use clap::Parser as _;
use identity_svc::{Config, RateLimits};
use proto::{
    events::identity::MAIL_REQUESTED,
    identity::v1::{
        CheckPermissionRequest, PrepareMailRequest, PrepareMailResponse,
        identity_service_client::IdentityServiceClient,
    },
};
use reqwest::{Method, Response, StatusCode};
use serde_json::{Value, json};

pub const PASSWORD: &str = "correct horse battery";
pub const ADMIN_EMAIL: &str = "admin@example.com";
pub const ADMIN_PASSWORD: &str = "a long administrator's password";

/// A running identity-svc without RabbitMQ: what it has to say stays in the outbox.
pub struct App {
    pub db: TestDatabase,
    pub http: String,
    pub grpc: String,
    client: reqwest::Client,
    _service: Service,
}

/// An answer, read.
#[derive(Debug, PartialEq)]
pub struct Answer {
    pub status: StatusCode,
    pub body: Value,
}

impl Answer {
    pub async fn of(response: Response) -> Self {
        let status = response.status();
        let text = response.text().await.unwrap();
        let body = serde_json::from_str(&text).unwrap_or(Value::Null);
        Self { status, body }
    }

    /// The answer itself, if it has this status.
    #[track_caller]
    pub fn expect(self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}", self.body);
        self.body
    }

    /// Requires a problem of this status and type.
    #[track_caller]
    pub fn problem(self, status: u16, kind: &str) -> Value {
        let body = self.expect(status);
        assert_eq!(body["type"], format!("urn:problem-type:{kind}"), "{body}");
        assert_eq!(body["status"], status);
        body
    }

    /// Requires a 422 that names exactly these fields.
    #[track_caller]
    pub fn invalid(self, fields: &[&str]) {
        let body = self.problem(422, "validation");
        let named: Vec<_> = body["errors"]
            .as_array()
            .unwrap()
            .iter()
            .map(|error| error["field"].as_str().unwrap())
            .collect();
        assert_eq!(named, fields, "{body}");
    }
}

/// A configuration that no variable of the machine changes.
pub fn config() -> Config {
    Config {
        admin_email: Some(ADMIN_EMAIL.to_owned()),
        admin_password: Some(Secret::from(ADMIN_PASSWORD)),
        access_token_seconds: 900,
        rate_limits: RateLimits::On,
        secrets: chassis::auth::secrets::Config {
            services_secret: Some(Secret::from("what the services share in a test")),
            services_secret_file: "/nowhere".into(),
        },
        database_pool: 4,
        ..Config::parse_from(["identity-svc"])
    }
}

/// The service on somebody else's database.
pub struct Replica {
    pub http: String,
    pub grpc: String,
    service: Service,
}

impl Replica {
    pub async fn start(db: &TestDatabase, config: &Config) -> Self {
        let doors = identity_svc::open(db.pool.clone(), config).await.unwrap();
        let service = Service::new("identity-svc");
        service.background("signing-keys", |stop| doors.keys.run(stop));
        let any = "127.0.0.1:0".parse().unwrap();
        let http = service
            .serve_http(any, doors.http, doors.openapi)
            .await
            .unwrap();
        let grpc = service
            .serve_grpc(any, doors.grpc, doors.guard, None)
            .await
            .unwrap();
        Self {
            http: format!("http://{http}"),
            grpc: format!("http://{grpc}"),
            service,
        }
    }
}

impl App {
    pub async fn start() -> Self {
        Self::start_as(&config()).await
    }

    /// The same, with some settings changed.
    pub async fn start_with(change: impl FnOnce(&mut Config)) -> Self {
        let mut config = config();
        change(&mut config);
        Self::start_as(&config).await
    }

    /// The same, with a configuration of its own.
    pub async fn start_as(config: &Config) -> Self {
        let db = testing::database(&identity_svc::MIGRATIONS).await;
        let replica = Replica::start(&db, config).await;
        Self {
            db,
            http: replica.http,
            grpc: replica.grpc,
            client: reqwest::Client::new(),
            _service: replica.service,
        }
    }

    pub fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        self.client.request(method, format!("{}{path}", self.http))
    }

    pub async fn get(&self, token: &str, path: &str) -> Answer {
        Answer::of(
            self.request(Method::GET, path)
                .bearer_auth(token)
                .send()
                .await
                .unwrap(),
        )
        .await
    }

    pub async fn post(&self, path: &str, body: Value) -> Answer {
        Answer::of(
            self.request(Method::POST, path)
                .json(&body)
                .send()
                .await
                .unwrap(),
        )
        .await
    }

    /// Sends a body as the bearer of `token`.
    pub async fn send(&self, token: &str, method: Method, path: &str, body: Value) -> Answer {
        let request = self.request(method, path).bearer_auth(token).json(&body);
        Answer::of(request.send().await.unwrap()).await
    }

    /// Asks for an access token as a program does; the fields are form-encoded.
    pub fn token_request(&self, fields: &str) -> reqwest::RequestBuilder {
        self.request(Method::POST, "/v1/auth/token")
            .header("content-type", "application/x-www-form-urlencoded")
            .body(fields.to_owned())
    }

    /// The answer to a client that proves itself in the body.
    pub async fn client_token(&self, id: &str, secret: &str) -> Answer {
        let fields = format!("grant_type=client_credentials&client_id={id}&client_secret={secret}");
        Answer::of(self.token_request(&fields).send().await.unwrap()).await
    }

    /// What was done to a subject, in the order of time, as the audit log has it.
    pub async fn audited(&self, subject: &str) -> Vec<String> {
        sqlx::query_scalar("select action from audit_log where subject = $1 order by id")
            .bind(subject)
            .fetch_all(&self.db.pool)
            .await
            .unwrap()
    }

    pub async fn register(&self, email: &str) -> Answer {
        let body = json!({"email": email, "password": PASSWORD, "name": "Ann Lee"});
        self.post("/v1/auth/register", body).await
    }

    pub async fn login(&self, email: &str, password: &str) -> Answer {
        self.post(
            "/v1/auth/login",
            json!({"email": email, "password": password}),
        )
        .await
    }

    pub async fn refresh(&self, token: &str) -> Answer {
        self.post("/v1/auth/refresh", json!({"refresh_token": token}))
            .await
    }

    /// A new customer's id and access token.
    pub async fn customer(&self, email: &str) -> (String, String) {
        self.register(email).await.expect(201);
        let token = access_token(&self.login(email, PASSWORD).await.expect(200));
        let me = self.get(&token, "/v1/me").await.expect(200);
        (me["id"].as_str().unwrap().to_owned(), token)
    }

    /// The administrator's access token.
    pub async fn admin(&self) -> String {
        access_token(&self.login(ADMIN_EMAIL, ADMIN_PASSWORD).await.expect(200))
    }

    pub async fn delete(&self, token: &str, path: &str) -> Answer {
        let request = self.request(Method::DELETE, path).bearer_auth(token);
        Answer::of(request.send().await.unwrap()).await
    }

    /// The answer's items; there is one page of them.
    pub async fn items(&self, token: &str, path: &str) -> Vec<Value> {
        let list = self.get(token, path).await.expect(200);
        assert!(list["next"].is_null(), "{list}");
        list["items"].as_array().unwrap().clone()
    }

    pub async fn disable(&self, token: &str, user: &str) -> Answer {
        let path = format!("/v1/users/{user}/disable");
        self.send(token, Method::POST, &path, json!({"reason": "stolen"}))
            .await
    }

    pub async fn enable(&self, token: &str, user: &str) -> Answer {
        let path = format!("/v1/users/{user}/enable");
        self.send(token, Method::POST, &path, json!({})).await
    }

    pub async fn set_roles(&self, token: &str, user: &str, roles: &[&str]) -> Answer {
        let path = format!("/v1/users/{user}/roles");
        self.send(token, Method::PUT, &path, json!({"roles": roles}))
            .await
    }

    /// As the worker calls the others.
    pub fn peers(&self) -> Peers {
        let auth = chassis::auth::Config {
            identity_grpc_url: self.grpc.clone(),
            service_secret: None,
            secrets: config().secrets,
            tls: chassis::tls::Config::default(),
        };
        Peers::new("worker", &auth).unwrap()
    }

    /// What the worker makes of tokens.
    pub fn auth(&self) -> Auth {
        let service = Service::new("worker");
        let bus = Bus::new(&config().amqp, service.name());
        Auth::following(&self.peers(), &service, bus)
    }

    pub fn grpc(&self) -> IdentityServiceClient<Channel> {
        IdentityServiceClient::new(self.peers().to_identity())
    }

    pub async fn allowed(&self, user: &str, permission: &str) -> bool {
        let request = CheckPermissionRequest {
            user_id: user.to_owned(),
            permission: permission.to_owned(),
        };
        self.grpc()
            .check_permission(request)
            .await
            .unwrap()
            .into_inner()
            .allowed
    }

    /// The events about a user, oldest first, but for the mails that were asked for.
    pub async fn events_about(&self, user: &str) -> Vec<Value> {
        let mut events = self.told_of(user).await;
        events.retain(|event| event["type"] != MAIL_REQUESTED);
        events
    }

    async fn told_of(&self, user: &str) -> Vec<Value> {
        let payloads: Vec<Vec<u8>> = sqlx::query_scalar("select payload from outbox order by seq")
            .fetch_all(&self.db.pool)
            .await
            .unwrap();
        payloads
            .iter()
            .map(|payload| serde_json::from_slice::<Value>(payload).unwrap())
            .filter(|event| event["subject"] == user)
            .collect()
    }

    /// The kinds of mails that were asked for, oldest first.
    pub async fn mails_to(&self, user: &str) -> Vec<String> {
        self.told_of(user)
            .await
            .iter()
            .filter(|event| event["type"] == MAIL_REQUESTED)
            .map(|event| {
                assert_eq!(event["data"]["user_id"], user);
                event["data"]["kind"].as_str().unwrap().to_owned()
            })
            .collect()
    }

    /// What the worker hears when it writes a mail.
    pub async fn prepare_mail(&self, user: &str, kind: &str) -> PrepareMailResponse {
        let request = PrepareMailRequest {
            user_id: user.to_owned(),
            kind: kind.to_owned(),
        };
        self.grpc()
            .prepare_mail(request)
            .await
            .unwrap()
            .into_inner()
    }

    /// What somebody did, by the audit log, oldest first.
    pub async fn actions_on(&self, user: &str) -> Vec<String> {
        sqlx::query_scalar("select action from audit_log where subject = $1 order by id")
            .bind(user)
            .fetch_all(&self.db.pool)
            .await
            .unwrap()
    }

    pub async fn execute(&self, statement: &'static str) {
        sqlx::query(statement).execute(&self.db.pool).await.unwrap();
    }
}

pub fn access_token(tokens: &Value) -> String {
    tokens["access_token"].as_str().unwrap().to_owned()
}

pub fn refresh_token(tokens: &Value) -> String {
    tokens["refresh_token"].as_str().unwrap().to_owned()
}

pub fn text(body: &Value, member: &str) -> String {
    body[member].as_str().unwrap().to_owned()
}
