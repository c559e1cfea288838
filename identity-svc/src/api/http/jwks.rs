use std::sync::Arc;

use axum::{Json, extract::State};
use http::{HeaderName, header};
use serde::Serialize;
use utoipa::ToSchema;

use crate::service::{Identity, PublicKey};

/// A JWK Set (RFC 7517).
#[derive(Serialize, ToSchema)]
pub struct Jwks {
    keys: Vec<JsonWebKey>,
}

/// An Ed25519 public key (RFC 8037).
#[derive(Serialize, ToSchema)]
pub struct JsonWebKey {
    #[schema(example = "OKP")]
    kty: &'static str,
    #[schema(example = "Ed25519")]
    crv: &'static str,
    #[schema(example = "EdDSA")]
    alg: &'static str,
    #[serde(rename = "use")]
    #[schema(example = "sig")]
    purpose: &'static str,
    /// The key that a token names in its header.
    kid: String,
    /// The public key, base64url.
    x: String,
}

impl From<&PublicKey> for JsonWebKey {
    fn from(key: &PublicKey) -> Self {
        Self {
            kty: "OKP",
            crv: "Ed25519",
            alg: "EdDSA",
            purpose: "sig",
            kid: key.kid.clone(),
            x: key.x(),
        }
    }
}

/// The keys that verify access tokens.
#[utoipa::path(
    get,
    path = "/.well-known/jwks.json",
    operation_id = "get_jwks",
    tag = "auth",
    responses((status = 200, description = "The public keys", body = Jwks))
)]
pub async fn jwks(
    State(identity): State<Arc<Identity>>,
) -> ([(HeaderName, String); 1], Json<Jwks>) {
    let keys = identity
        .public_keys()
        .iter()
        .map(JsonWebKey::from)
        .collect();
    let cache = format!("public, max-age={}", identity.keys_keep());
    ([(header::CACHE_CONTROL, cache)], Json(Jwks { keys }))
}
