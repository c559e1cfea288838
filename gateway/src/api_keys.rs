//! API keys are for the door only: behind it they are access tokens, which identity-svc gives in exchange.

use std::{
    net::IpAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use chassis::{
    Code, Error, Result,
    auth::{ApiKey, Auth, Claims},
    grpc::{self, Channel},
};
use http::{HeaderMap, HeaderValue, header};
use moka::{Expiry, future::Cache};
use proto::identity::v1::{ExchangeApiKeyRequest, trust_service_client::TrustServiceClient};
use sha2::{Digest as _, Sha256};
use tonic::Status;
use uuid::Uuid;

const CALL_DEADLINE: Duration = Duration::from_secs(2);
/// A token is not used any more so long before it expires.
const MARGIN: Duration = Duration::from_secs(60);
/// Whoever sends a wrong key again and again has identity-svc asked no more often.
const REFUSAL_KEPT: Duration = Duration::from_secs(1);
/// Keys in memory, at most.
const CAPACITY: u64 = 20_000;

pub(crate) struct ApiKeys {
    identity: TrustServiceClient<Channel>,
    /// By the key's SHA-256.
    kept: Cache<[u8; 32], Exchanged>,
}

/// What became of a key.
#[derive(Clone)]
enum Exchanged {
    Token { text: Arc<str>, life: Duration },
    Refused,
}

impl ApiKeys {
    pub(crate) fn new(identity: Channel) -> Self {
        Self {
            identity: TrustServiceClient::new(identity),
            kept: Cache::builder()
                .max_capacity(CAPACITY)
                .expire_after(Life)
                .build(),
        }
    }

    /// Puts the access token in the place of the key, for a request that came from `client`; gives the key's id and what the
    /// token says.
    ///
    /// # Errors
    /// `unauthenticated` when the key is none, or not valid any more; `unavailable`.
    pub(crate) async fn exchange(
        &self,
        headers: &mut HeaderMap,
        key: &str,
        client: Option<IpAddr>,
        auth: &Auth,
    ) -> Result<(Uuid, Arc<Claims>)> {
        let hash: [u8; 32] = Sha256::digest(key).into();
        let key = ApiKey::parse(key).ok_or_else(refused)?;
        let agent = headers.get(header::USER_AGENT);
        let request = ExchangeApiKeyRequest {
            key_id: key.id.to_string(),
            key_secret: key.secret.encode(),
            address: client.map(|client| client.to_string()).unwrap_or_default(),
            user_agent: agent
                .and_then(|agent| agent.to_str().ok())
                .unwrap_or_default()
                .to_owned(),
        };
        let mut token = self.token(hash, request.clone()).await?;
        let claims = match auth.verify(&token).await {
            Err(error) if error.code() == Code::Unauthenticated => {
                // The key that signed it was given up meanwhile.
                self.kept.invalidate(&hash).await;
                token = self.token(hash, request).await?;
                auth.verify(&token).await?
            }
            verified => verified?,
        };
        let value = HeaderValue::try_from(format!("Bearer {token}"));
        let mut value = value.map_err(Error::internal)?;
        value.set_sensitive(true);
        headers.insert(header::AUTHORIZATION, value);
        Ok((key.id, claims))
    }

    /// The token for the key with this hash. Of several requests at once, one asks for all.
    async fn token(&self, hash: [u8; 32], request: ExchangeApiKeyRequest) -> Result<Arc<str>> {
        let asked = self.kept.try_get_with(hash, self.ask(request)).await;
        match asked.map_err(|status| Error::from(Status::clone(&status)))? {
            Exchanged::Token { text, .. } => Ok(text),
            Exchanged::Refused => Err(refused()),
        }
    }

    async fn ask(&self, request: ExchangeApiKeyRequest) -> std::result::Result<Exchanged, Status> {
        let request = grpc::request(request, CALL_DEADLINE);
        match self.identity.clone().exchange_api_key(request).await {
            Ok(response) => {
                let given = response.into_inner();
                if given.access_token.is_empty() {
                    return Ok(Exchanged::Refused);
                }
                Ok(Exchanged::Token {
                    text: given.access_token.into(),
                    life: Duration::from_secs(given.expires_in_seconds.max(0).unsigned_abs()),
                })
            }
            Err(status) => Err(status),
        }
    }
}

/// How long what became of a key is kept.
struct Life;

impl Expiry<[u8; 32], Exchanged> for Life {
    fn expire_after_create(
        &self,
        _: &[u8; 32],
        exchanged: &Exchanged,
        _: Instant,
    ) -> Option<Duration> {
        Some(match exchanged {
            // One that lives for a moment only is of use for a part of it.
            Exchanged::Token { life, .. } => life.saturating_sub(MARGIN).max(*life / 2),
            Exchanged::Refused => REFUSAL_KEPT,
        })
    }
}

/// One answer for every fault: which check failed helps only who guesses.
fn refused() -> Error {
    Error::unauthenticated("the API key is not valid")
}
