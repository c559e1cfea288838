use anyhow::Context as _;
use async_trait::async_trait;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use chassis::{
    Result,
    auth::{Claims, KeySource, TOKEN_TYPE},
};
use chrono::{DateTime, Utc};
use ed25519_dalek::{SigningKey, pkcs8::EncodePrivateKey as _};
use jsonwebtoken::{
    Algorithm, DecodingKey, EncodingKey, Header,
    jwk::{Jwk, ThumbprintHash},
};
use uuid::Uuid;

use super::Identity;
use crate::repository::{Keys, StoredKey};

/// The only client there is (RFC 9068 wants it named).
const CLIENT_ID: &str = "easyorder";

/// Issues access tokens (RFC 9068) and knows the keys that verify them.
pub struct AccessTokens {
    header: Header,
    key: EncodingKey,
    lifetime: i64,
    public_keys: Vec<PublicKey>,
}

/// The public half of a signing key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicKey {
    pub kid: String,
    bytes: [u8; 32],
}

impl PublicKey {
    fn of(key: &StoredKey) -> Self {
        Self {
            kid: key.kid.clone(),
            bytes: SigningKey::from_bytes(&key.seed).verifying_key().to_bytes(),
        }
    }

    /// As a JWK has it in `x`: base64url without padding.
    #[must_use]
    pub fn x(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.bytes)
    }

    #[must_use]
    pub fn bytes(&self) -> &[u8; 32] {
        &self.bytes
    }

    fn decoding_key(&self) -> DecodingKey {
        DecodingKey::from_ed_der(&self.bytes)
    }
}

/// A new signing key, named by the thumbprint of its public half (RFC 7638).
///
/// # Errors
/// Never, for an Ed25519 key; the library cannot know.
pub fn random_key() -> anyhow::Result<StoredKey> {
    let seed = rand::random();
    let mut key = StoredKey {
        kid: String::new(),
        seed,
    };
    let jwk = Jwk::from_decoding_key(&PublicKey::of(&key).decoding_key(), Some(Algorithm::EdDSA))?;
    key.kid = jwk.thumbprint(ThumbprintHash::SHA256)?;
    Ok(key)
}

impl AccessTokens {
    /// Tokens that live `lifetime` seconds.
    ///
    /// # Errors
    /// When the active key cannot be encoded.
    pub fn new(keys: &Keys, lifetime: i64) -> anyhow::Result<Self> {
        let der = SigningKey::from_bytes(&keys.active.seed)
            .to_pkcs8_der()
            .context("encoding the signing key")?;
        Ok(Self {
            header: Header {
                typ: Some(TOKEN_TYPE.to_owned()),
                kid: Some(keys.active.kid.clone()),
                ..Header::new(Algorithm::EdDSA)
            },
            key: EncodingKey::from_ed_der(der.as_bytes()),
            lifetime,
            public_keys: keys.published.iter().map(PublicKey::of).collect(),
        })
    }

    /// A token that says that its bearer is `user`, signed in with this session, from `now` on.
    ///
    /// # Errors
    /// When signing fails.
    pub fn issue(&self, user: Uuid, session: Uuid, now: DateTime<Utc>) -> Result<String> {
        self.sign(&Claims {
            sid: Some(session),
            ..self.claims(user, CLIENT_ID, now)
        })
    }

    /// What a token says that lets the program `client_id` act for `subject`, from `now` on.
    #[must_use]
    pub fn claims(&self, subject: Uuid, client_id: &str, now: DateTime<Utc>) -> Claims {
        Claims::new(subject, client_id, now.timestamp(), self.lifetime)
    }

    /// The token that says this.
    ///
    /// # Errors
    /// When signing fails.
    pub fn sign(&self, claims: &Claims) -> Result<String> {
        jsonwebtoken::encode(&self.header, claims, &self.key).map_err(chassis::Error::internal)
    }

    /// Seconds.
    #[must_use]
    pub fn lifetime(&self) -> i64 {
        self.lifetime
    }

    #[must_use]
    pub fn public_keys(&self) -> &[PublicKey] {
        &self.public_keys
    }
}

#[async_trait]
impl KeySource for Identity {
    async fn key(&self, kid: &str) -> Result<Option<DecodingKey>> {
        let key = self.public_keys().iter().find(|key| key.kid == kid);
        Ok(key.map(PublicKey::decoding_key))
    }
}
