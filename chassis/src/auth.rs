//! Who calls, and what they may do. A token says only who; what is allowed is asked of identity-svc. Its answer is kept
//! until an event says that the user's roles, or what a role permits, have changed, so that a role taken away stops working
//! within a second without a call for each request. While events cannot be heard, an answer is kept for a second only.

mod api_key;
mod base62;
mod client_secret;
mod following;
mod guard;
mod permissions;
pub mod refusals;
pub mod secrets;
pub(crate) mod service_token;
mod trust;

use std::{marker::PhantomData, sync::Arc, time::Duration};

use async_trait::async_trait;
use axum::extract::{FromRef, FromRequestParts};
use chrono::Utc;
use http::request::Parts;
use jsonwebtoken::{Algorithm, DecodingKey, Header, Validation, decode, decode_header};
use moka::sync::Cache;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use crate::{
    Error, Result, Service, amqp::Bus, config::Secret, grpc::Peers, http::bearer, tls,
    trace::TraceContext,
};
pub use api_key::ApiKey;
pub use client_secret::ClientSecret;
use following::Following;
pub use guard::Guard;
pub(crate) use guard::guarded;
use permissions::RemotePermissions;
pub use refusals::{NotOwner, NotPermitted, NotSignedIn, SeesOwn};
use trust::RemoteTrust;

/// `iss` of our access tokens.
pub const ISSUER: &str = "easyorder";
/// `aud` of our access tokens.
pub const AUDIENCE: &str = "easyorder";
/// `typ` in the header of our access tokens ([RFC 9068](https://www.rfc-editor.org/rfc/rfc9068)): no other kind of
/// token passes for one.
pub const TOKEN_TYPE: &str = "at+jwt";
/// The same, written in full. Whoever checks tokens must take it, too (RFC 9068, 4); we never write it.
const TOKEN_MEDIA_TYPE: &str = "application/at+jwt";
/// No token of ours is nearly as long, in bytes: what is longer is not looked at.
const LONGEST_TOKEN: usize = 8 * 1024;
/// Calling the gRPC interfaces that the services have for each other.
pub const INTERNAL_CALL: &str = "internal:call";
/// Clocks of two machines may differ by this much, in seconds.
const LEEWAY: u64 = 5;

const CALL_DEADLINE: Duration = Duration::from_secs(2);
/// Verified tokens in memory, at most.
const VERIFIED: u64 = 20_000;

/// Where identity-svc is, and how this service proves to it who it is.
#[derive(Debug, Clone, clap::Args)]
// Flattened into parsers that are called `Config` too, and clap wants the names of its groups unique.
#[group(skip)]
pub struct Config {
    /// Where identity-svc's gRPC interface is
    #[arg(
        long,
        env = "IDENTITY_GRPC_URL",
        value_name = "IDENTITY_GRPC_URL",
        default_value = "http://127.0.0.1:50051"
    )]
    pub identity_grpc_url: String,
    /// This service's own secret, in place of the system's: what `identity-svc service-secret NAME` prints
    #[arg(
        long,
        env = "SERVICE_SECRET",
        value_name = "SERVICE_SECRET",
        hide_env_values = true
    )]
    pub service_secret: Option<Secret>,
    #[command(flatten)]
    pub secrets: secrets::Config,
    #[command(flatten)]
    pub tls: tls::Config,
}

impl Config {
    /// The secret of the service of this name.
    pub(crate) fn secret_of(&self, service: &str) -> anyhow::Result<Secret> {
        match &self.service_secret {
            Some(secret) if !secret.expose().is_empty() => Ok(secret.clone()),
            _ => Ok(self.secrets.load()?.of(service)),
        }
    }
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

/// Which sessions ended before their tokens expired.
#[async_trait]
pub trait Sessions: Send + Sync {
    /// Whether the session, API key or service account secret of this id has ended.
    async fn has_ended(&self, session: Uuid) -> Result<bool>;
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
    sessions: Arc<dyn Sessions>,
    permissions: Arc<dyn Permissions>,
    validation: Arc<Validation>,
    /// What was found good before, by the token's SHA-256: a signature is checked once.
    verified: Cache<[u8; 32], Verified>,
}

#[derive(Clone)]
struct Verified {
    kid: String,
    claims: Arc<Claims>,
}

impl Auth {
    #[must_use]
    pub fn new(
        keys: Arc<dyn KeySource>,
        sessions: Arc<dyn Sessions>,
        permissions: Arc<dyn Permissions>,
    ) -> Self {
        // RFC 8725, 3.1: the algorithm is ours to say, not the token's.
        let mut validation = Validation::new(Algorithm::EdDSA);
        validation.set_issuer(&[ISSUER]);
        validation.set_audience(&[AUDIENCE]);
        validation.set_required_spec_claims(&["iss", "aud", "sub", "exp"]);
        // We issue none that is valid later only; but whoever says so means it.
        validation.validate_nbf = true;
        validation.leeway = LEEWAY;
        Self {
            keys,
            sessions,
            permissions,
            validation: Arc::new(validation),
            verified: Cache::new(VERIFIED),
        }
    }

    /// Keys, ended sessions and permissions of identity-svc: the service hears of changes as long as it runs.
    #[must_use]
    pub fn following(peers: &Peers, service: &Service, bus: Arc<Bus>) -> Self {
        let trust = Arc::new(RemoteTrust::new(peers.identity()));
        let permissions = Arc::new(RemotePermissions::new(peers.to_identity()));
        let listener = Following {
            trust: trust.clone(),
            permissions: permissions.clone(),
        };
        service.listen("identity", following::CHANGES, bus, Arc::new(listener));
        let following = trust.clone();
        service.background("trust", async move |stop| following.follow(stop).await);
        Self::new(trust.clone(), trust, permissions)
    }

    /// The claims of a valid access token whose session goes on.
    ///
    /// # Errors
    /// `unauthenticated` when it is not one; `unavailable` when the keys cannot be had.
    pub async fn verify(&self, token: &str) -> Result<Arc<Claims>> {
        let claims = self.authentic(token).await?;
        match claims.sid {
            Some(session) if self.sessions.has_ended(session).await? => Err(refused()),
            _ => Ok(claims),
        }
    }

    /// # Errors
    /// `forbidden` when the token's subject does not hold the permission, or the token does not let them use it;
    /// `unavailable` when that cannot be found out: nothing is allowed on a guess.
    pub async fn require(&self, claims: &Claims, permission: &str) -> Result<()> {
        if may(&*self.permissions, claims, permission).await? {
            Ok(())
        } else {
            Err(Error::forbidden(permission))
        }
    }

    /// The claims of a token that identity-svc has signed and that has not expired.
    async fn authentic(&self, token: &str) -> Result<Arc<Claims>> {
        if token.len() > LONGEST_TOKEN {
            return Err(refused());
        }
        let hash: [u8; 32] = Sha256::digest(token).into();
        if let Some(known) = self.verified.get(&hash) {
            let expired = known.claims.exp + LEEWAY.cast_signed() <= Utc::now().timestamp();
            // The key may have been given up meanwhile.
            if !expired && self.keys.key(&known.kid).await?.is_some() {
                return Ok(known.claims);
            }
            self.verified.invalidate(&hash);
        }
        let header = decode_header(token).map_err(|_| refused())?;
        if !is_ours(&header) {
            return Err(refused());
        }
        let kid = header.kid.ok_or_else(refused)?;
        let key = self.keys.key(&kid).await?.ok_or_else(refused)?;
        let claims = decode::<Claims>(token, &key, &self.validation)
            .map(|token| Arc::new(token.claims))
            .map_err(|_| refused())?;
        let verified = Verified {
            kid,
            claims: claims.clone(),
        };
        self.verified.insert(hash, verified);
        Ok(claims)
    }
}

/// Whether a token that begins so may be an access token of ours. Where the key is to be found is not for the token to say:
/// `jku`, `jwk`, `x5u` and `x5c` are not looked at. What it calls critical we do not understand, so it must be refused
/// ([RFC 7515, 4.1.11](https://www.rfc-editor.org/rfc/rfc7515#section-4.1.11)).
fn is_ours(header: &Header) -> bool {
    header.alg == Algorithm::EdDSA
        && matches!(header.typ.as_deref(), Some(TOKEN_TYPE | TOKEN_MEDIA_TYPE))
        && header.crit.is_none()
}

/// One answer for every fault: which check failed helps only who forges.
fn refused() -> Error {
    Error::invalid_token("the access token is not valid; sign in again")
}

async fn may(permissions: &dyn Permissions, claims: &Claims, permission: &str) -> Result<bool> {
    Ok(claims.is_in_scope(permission) && permissions.check(claims.sub, permission).await?)
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
        may(&*self.permissions, &self.claims, permission).await
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
            claims,
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
