//! Who calls, and what they may do. A token says only who; what is allowed is asked of identity-svc. Its answer is kept
//! until an event says that the user's roles, or what a role permits, have changed, so that a role taken away stops working
//! within a second without a call for each request. While events cannot be heard, an answer is kept for a second only.

mod permissions;

use std::{
    collections::BTreeMap,
    marker::PhantomData,
    sync::Arc,
    time::{Duration, Instant},
};

use async_trait::async_trait;
use axum::extract::{FromRef, FromRequestParts};
use http::request::Parts;
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header, jwk::JwkSet};
use serde::{Deserialize, Serialize};
use tokio::sync::{Mutex, RwLock};
use utoipa::openapi::{Content, Ref, RefOr, Response, ResponseBuilder};
use uuid::Uuid;

use crate::{Error, Result, Service, amqp::Bus, grpc, http::bearer, trace::TraceContext};
use permissions::{CHANGES, RemotePermissions};

/// `iss` of our access tokens.
pub const ISSUER: &str = "easyorder";
/// `aud` of our access tokens.
pub const AUDIENCE: &str = "easyorder";
/// `typ` in the header of our access tokens ([RFC 9068](https://www.rfc-editor.org/rfc/rfc9068)): no other kind of
/// token passes for one.
pub const TOKEN_TYPE: &str = "at+jwt";
/// Calling the gRPC interfaces that the services have for each other.
pub const INTERNAL_CALL: &str = "internal:call";
/// Clocks of two machines may differ by this much, in seconds.
const LEEWAY: u64 = 5;

const CALL_DEADLINE: Duration = Duration::from_secs(2);
/// Unknown key ids cannot make us fetch more often than this.
const REFETCH_INTERVAL: Duration = Duration::from_secs(5);

/// Where identity-svc is.
#[derive(Debug, Clone, clap::Args)]
// Flattened into parsers that are called `Config` too, and clap wants the names of its groups unique.
#[group(skip)]
pub struct Config {
    /// Where identity-svc's REST interface is
    #[arg(
        long,
        env = "IDENTITY_HTTP_URL",
        value_name = "IDENTITY_HTTP_URL",
        default_value = "http://127.0.0.1:8081"
    )]
    pub identity_http_url: String,
    /// Where identity-svc's gRPC interface is
    #[arg(
        long,
        env = "IDENTITY_GRPC_URL",
        value_name = "IDENTITY_GRPC_URL",
        default_value = "http://127.0.0.1:50051"
    )]
    pub identity_grpc_url: String,
}

/// The claims of an access token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claims {
    pub iss: String,
    pub aud: String,
    /// The user.
    pub sub: Uuid,
    /// Seconds since 1970.
    pub exp: i64,
    pub iat: i64,
    pub jti: Uuid,
    /// The program that acts: `easyorder` for a person who signed in, else the id of a service account or API key, or a
    /// service's name.
    pub client_id: String,
    /// The session, API key or service account that the token comes from: when it ends, the token is refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sid: Option<Uuid>,
    /// Permissions, separated by spaces: of those that the subject holds, the token gives no others. Absent: all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope: Option<String>,
    /// What the issuer grants in the token itself, without asking for roles
    /// ([RFC 9068, 2.2.3.1](https://www.rfc-editor.org/rfc/rfc9068#section-2.2.3.1)): [`INTERNAL_CALL`] to our services.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub entitlements: Vec<String>,
}

impl Claims {
    /// What a token says that lets the program `client_id` act for `subject` for `lifetime` seconds from `now`, in seconds
    /// since 1970.
    #[must_use]
    pub fn new(subject: Uuid, client_id: &str, now: i64, lifetime: i64) -> Self {
        Self {
            iss: ISSUER.to_owned(),
            aud: AUDIENCE.to_owned(),
            sub: subject,
            exp: now + lifetime,
            iat: now,
            jti: Uuid::now_v7(),
            client_id: client_id.to_owned(),
            sid: None,
            scope: None,
            entitlements: Vec::new(),
        }
    }

    /// Whether the token lets its bearer use this permission, if the subject holds it.
    #[must_use]
    pub fn is_in_scope(&self, permission: &str) -> bool {
        self.scope
            .as_deref()
            .is_none_or(|scope| scope.split(' ').any(|word| word == permission))
    }

    /// Whether the token grants this by itself.
    #[must_use]
    pub fn entitles_to(&self, permission: &str) -> bool {
        self.entitlements
            .iter()
            .any(|granted| granted == permission)
    }
}

/// Where the public keys are.
#[async_trait]
pub trait KeySource: Send + Sync {
    /// The key of this id, if there is one.
    async fn key(&self, kid: &str) -> Result<Option<DecodingKey>>;
}

/// Who may do what.
#[async_trait]
pub trait Permissions: Send + Sync {
    /// Whether the user holds the permission now.
    async fn check(&self, user: Uuid, permission: &str) -> Result<bool>;
}

/// Authentication and authorisation, as part of a router's state.
#[derive(Clone)]
pub struct Auth {
    keys: Arc<dyn KeySource>,
    permissions: Arc<dyn Permissions>,
    validation: Arc<Validation>,
}

impl Auth {
    #[must_use]
    pub fn new(keys: Arc<dyn KeySource>, permissions: Arc<dyn Permissions>) -> Self {
        // RFC 8725, 3.1: the algorithm is ours to say, not the token's.
        let mut validation = Validation::new(Algorithm::EdDSA);
        validation.set_issuer(&[ISSUER]);
        validation.set_audience(&[AUDIENCE]);
        validation.set_required_spec_claims(&["iss", "aud", "sub", "exp"]);
        validation.leeway = LEEWAY;
        Self {
            keys,
            permissions,
            validation: Arc::new(validation),
        }
    }

    /// Keys and permissions of identity-svc. It hears of no changes, so it asks for each permission once a second.
    ///
    /// # Errors
    /// When an address is malformed.
    pub fn remote(config: &Config) -> anyhow::Result<Self> {
        let keys = RemoteKeys::new(&config.identity_http_url)?;
        let permissions = RemotePermissions::new(grpc::channel(&config.identity_grpc_url)?);
        Ok(Self::new(Arc::new(keys), Arc::new(permissions)))
    }

    /// The same, for a service that asks for permissions: it hears of changes as long as the service runs.
    ///
    /// # Errors
    /// When an address is malformed.
    pub fn following(config: &Config, service: &Service, bus: Arc<Bus>) -> anyhow::Result<Self> {
        let keys = RemoteKeys::new(&config.identity_http_url)?;
        let permissions = RemotePermissions::new(grpc::channel(&config.identity_grpc_url)?);
        let permissions = Arc::new(permissions);
        service.listen("permissions", CHANGES, bus, permissions.clone());
        Ok(Self::new(Arc::new(keys), permissions))
    }

    /// The claims of a valid access token.
    ///
    /// # Errors
    /// `unauthenticated` when it is not one; `unavailable` when the keys cannot be had.
    pub async fn verify(&self, token: &str) -> Result<Claims> {
        // One answer for every fault: which check failed helps only who forges.
        let refused = || Error::unauthenticated("the access token is not valid; sign in again");
        let header = decode_header(token).map_err(|_| refused())?;
        if header.alg != Algorithm::EdDSA || header.typ.as_deref() != Some(TOKEN_TYPE) {
            return Err(refused());
        }
        let kid = header.kid.ok_or_else(refused)?;
        let key = self.keys.key(&kid).await?.ok_or_else(refused)?;
        decode::<Claims>(token, &key, &self.validation)
            .map(|token| token.claims)
            .map_err(|_| refused())
    }
}

/// The signed-in user who sent the request; as an extractor it refuses all others with 401.
#[derive(Clone)]
pub struct Caller {
    pub id: Uuid,
    /// What the token says.
    pub claims: Arc<Claims>,
    permissions: Arc<dyn Permissions>,
}

impl Caller {
    /// Whether the caller holds the permission.
    ///
    /// # Errors
    /// `unavailable` when that cannot be found out: nothing is allowed on a guess.
    pub async fn may(&self, permission: &str) -> Result<bool> {
        Ok(self.claims.is_in_scope(permission)
            && self.permissions.check(self.id, permission).await?)
    }

    /// # Errors
    /// `forbidden` when the caller does not hold the permission.
    pub async fn require(&self, permission: &str) -> Result<()> {
        if self.may(permission).await? {
            Ok(())
        } else {
            Err(Error::forbidden(permission))
        }
    }
}

impl<S> FromRequestParts<S> for Caller
where
    S: Send + Sync,
    Auth: FromRef<S>,
{
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self> {
        let auth = Auth::from_ref(state);
        let token = bearer(&parts.headers).ok_or_else(|| {
            Error::unauthenticated("sign in, and send `Authorization: Bearer <access token>`")
        })?;
        let claims = auth.verify(token).await?;
        if let Some(context) = TraceContext::current() {
            context.set_caller(claims.sub);
        }
        Ok(Self {
            id: claims.sub,
            claims: Arc::new(claims),
            permissions: auth.permissions,
        })
    }
}

/// A permission, as a type, so that a handler's signature says what it needs.
pub trait Permission: Send + Sync + 'static {
    /// For example `orders:manage`.
    const NAME: &'static str;
}

/// A caller who holds the permission `P`; as an extractor it refuses all others, before anybody looks at the body.
#[derive(Clone)]
pub struct Permitted<P> {
    pub caller: Caller,
    permission: PhantomData<P>,
}

impl<S, P: Permission> FromRequestParts<S> for Permitted<P>
where
    S: Send + Sync,
    Auth: FromRef<S>,
{
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self> {
        let caller = Caller::from_request_parts(parts, state).await?;
        caller.require(P::NAME).await?;
        Ok(Self {
            caller,
            permission: PhantomData,
        })
    }
}

/// How [`Permitted`] refuses, for the OpenAPI document.
pub struct NotPermitted<P>(PhantomData<P>);

impl<P: Permission> utoipa::IntoResponses for NotPermitted<P> {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        let problem = |description: String| {
            let body = Content::new(Some(Ref::from_schema_name("Problem")));
            RefOr::T(
                ResponseBuilder::new()
                    .description(description)
                    .content(crate::error::PROBLEM_JSON, body)
                    .build(),
            )
        };
        BTreeMap::from([
            ("401".to_owned(), problem("Not signed in".to_owned())),
            ("403".to_owned(), problem(format!("Without `{}`", P::NAME))),
        ])
    }
}

/// The published keys of identity-svc, kept until an unknown key id comes.
struct RemoteKeys {
    url: String,
    client: reqwest::Client,
    keys: RwLock<Keys>,
    last_fetch: Mutex<Option<Instant>>,
}

#[derive(Default)]
struct Keys(Vec<(String, DecodingKey)>);

impl Keys {
    fn find(&self, kid: &str) -> Option<DecodingKey> {
        let (_, key) = self.0.iter().find(|(id, _)| id == kid)?;
        Some(key.clone())
    }
}

impl RemoteKeys {
    fn new(base: &str) -> anyhow::Result<Self> {
        Ok(Self {
            url: format!("{}/.well-known/jwks.json", base.trim_end_matches('/')),
            client: reqwest::Client::builder().timeout(CALL_DEADLINE).build()?,
            keys: RwLock::default(),
            last_fetch: Mutex::default(),
        })
    }

    async fn fetch(&self) -> Result<Vec<(String, DecodingKey)>> {
        let response = self.client.get(&self.url).send().await;
        let set: JwkSet = match response.and_then(reqwest::Response::error_for_status) {
            Ok(response) => response.json().await.map_err(Error::unavailable)?,
            Err(error) => return Err(Error::unavailable(error)),
        };
        Ok(set
            .keys
            .iter()
            .filter_map(|jwk| Some((jwk.common.key_id.clone()?, DecodingKey::from_jwk(jwk).ok()?)))
            .collect())
    }
}

#[async_trait]
impl KeySource for RemoteKeys {
    async fn key(&self, kid: &str) -> Result<Option<DecodingKey>> {
        if let Some(key) = self.keys.read().await.find(kid) {
            return Ok(Some(key));
        }
        // One fetch serves all who wait for it, and those whose keys are known do not wait.
        let mut last = self.last_fetch.lock().await;
        if let Some(key) = self.keys.read().await.find(kid) {
            return Ok(Some(key));
        }
        // Failed fetches count too: made-up key ids must not make us ask without end.
        if last.is_some_and(|at| at.elapsed() < REFETCH_INTERVAL) {
            return if self.keys.read().await.0.is_empty() {
                Err(Error::unavailable(anyhow::anyhow!(
                    "the keys of identity-svc are not known yet"
                )))
            } else {
                Ok(None)
            };
        }
        let fetched = self.fetch().await;
        // Before the first success every request is waiting for the keys: ask again at once.
        if fetched.is_ok() || !self.keys.read().await.0.is_empty() {
            *last = Some(Instant::now());
        }
        let fetched = Keys(fetched?);
        let key = fetched.find(kid);
        *self.keys.write().await = fetched;
        Ok(key)
    }
}
