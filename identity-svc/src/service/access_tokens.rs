use std::sync::Arc;

use anyhow::Context as _;
use arc_swap::ArcSwap;
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
use crate::repository::{NewKey, StoredKey};

/// The program by which people act (RFC 9068 wants it named).
pub const CLIENT_ID: &str = "easyorder";

/// Issues access tokens (RFC 9068) and knows the keys that verify them.
pub struct AccessTokens {
    /// In the order in which they sign; at least one.
    keys: ArcSwap<Vec<Key>>,
    lifetime: i64,
}

struct Key {
    public: PublicKey,
    header: Header,
    signer: EncodingKey,
    signs_from: DateTime<Utc>,
    verifies_until: Option<DateTime<Utc>>,
}

/// The public half of a signing key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicKey {
    pub kid: String,
    bytes: [u8; 32],
}

impl PublicKey {
    fn of(kid: &str, seed: &[u8; 32]) -> Self {
        Self {
            kid: kid.to_owned(),
            bytes: SigningKey::from_bytes(seed).verifying_key().to_bytes(),
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
pub fn random_key() -> anyhow::Result<NewKey> {
    let seed = rand::random();
    let public = PublicKey::of("", &seed);
    let jwk = Jwk::from_decoding_key(&public.decoding_key(), Some(Algorithm::EdDSA))?;
    Ok(NewKey {
        kid: jwk.thumbprint(ThumbprintHash::SHA256)?,
        seed,
    })
}

impl Key {
    fn new(stored: &StoredKey) -> anyhow::Result<Self> {
        let der = SigningKey::from_bytes(&stored.seed)
            .to_pkcs8_der()
            .context("encoding the signing key")?;
        Ok(Self {
            public: PublicKey::of(&stored.kid, &stored.seed),
            header: Header {
                typ: Some(TOKEN_TYPE.to_owned()),
                kid: Some(stored.kid.clone()),
                ..Header::new(Algorithm::EdDSA)
            },
            signer: EncodingKey::from_ed_der(der.as_bytes()),
            signs_from: stored.signs_from,
            verifies_until: stored.verifies_until,
        })
    }

    fn verifies(&self, now: DateTime<Utc>) -> bool {
        self.verifies_until.is_none_or(|until| now < until)
    }
}

impl AccessTokens {
    /// Tokens that live `lifetime` seconds.
    ///
    /// # Errors
    /// When a key cannot be encoded.
    pub fn new(keys: &[StoredKey], lifetime: i64) -> anyhow::Result<Self> {
        Ok(Self {
            keys: ArcSwap::from_pointee(all(keys)?),
            lifetime,
        })
    }

    /// From now on there are these keys: at least one, in the order in which they sign.
    ///
    /// # Errors
    /// When one cannot be encoded; then nothing changes.
    pub fn set_keys(&self, keys: &[StoredKey]) -> anyhow::Result<()> {
        self.keys.store(Arc::new(all(keys)?));
        Ok(())
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
        let (keys, now) = (self.keys.load(), Utc::now());
        // Should our clock be behind the database's, the first key does not sign yet; but no other does either.
        let key = keys.iter().rfind(|key| key.signs_from <= now);
        let key = key.or(keys.first()).context("there is no signing key");
        let key = key.map_err(chassis::Error::internal)?;
        jsonwebtoken::encode(&key.header, claims, &key.signer).map_err(chassis::Error::internal)
    }

    /// Seconds.
    #[must_use]
    pub fn lifetime(&self) -> i64 {
        self.lifetime
    }

    /// Those that verify now, and those that are going to.
    #[must_use]
    pub fn public_keys(&self) -> Vec<PublicKey> {
        let (keys, now) = (self.keys.load(), Utc::now());
        let verifying = keys.iter().filter(|key| key.verifies(now));
        verifying.map(|key| key.public.clone()).collect()
    }

    fn decoding_key(&self, kid: &str) -> Option<DecodingKey> {
        let (keys, now) = (self.keys.load(), Utc::now());
        let mut verifying = keys.iter().filter(|key| key.verifies(now));
        let key = verifying.find(|key| key.public.kid == kid)?;
        Some(key.public.decoding_key())
    }
}

fn all(stored: &[StoredKey]) -> anyhow::Result<Vec<Key>> {
    stored.iter().map(Key::new).collect()
}

#[async_trait]
impl KeySource for Identity {
    async fn key(&self, kid: &str) -> Result<Option<DecodingKey>> {
        Ok(self.access.decoding_key(kid))
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;

    fn key(kid: &str, signs_in: i64, verifies_for: Option<i64>) -> StoredKey {
        StoredKey {
            kid: kid.to_owned(),
            seed: rand::random(),
            signs_from: Utc::now() + TimeDelta::seconds(signs_in),
            verifies_until: verifies_for.map(|left| Utc::now() + TimeDelta::seconds(left)),
        }
    }

    fn signer(tokens: &AccessTokens) -> String {
        let token = tokens.issue(Uuid::now_v7(), Uuid::now_v7(), Utc::now());
        let header = jsonwebtoken::decode_header(token.unwrap()).unwrap();
        header.kid.unwrap()
    }

    #[test]
    fn the_newest_key_that_has_begun_signs_and_each_verifies_to_its_end() {
        let keys = [
            key("over", -900, Some(0)),
            key("before", -600, Some(60)),
            key("now", -300, Some(900)),
            key("next", 300, None),
        ];
        let tokens = AccessTokens::new(&keys, 900).unwrap();
        assert_eq!(signer(&tokens), "now");
        let published: Vec<_> = tokens
            .public_keys()
            .into_iter()
            .map(|key| key.kid)
            .collect();
        assert_eq!(published, ["before", "now", "next"]);
        for (kid, verifies) in [
            ("over", false),
            ("before", true),
            ("next", true),
            ("?", false),
        ] {
            assert_eq!(tokens.decoding_key(kid).is_some(), verifies, "{kid}");
        }
    }

    #[test]
    fn a_clock_that_is_behind_does_not_stop_anybody() {
        let keys = [key("first", 2, Some(900)), key("next", 300, None)];
        assert_eq!(signer(&AccessTokens::new(&keys, 900).unwrap()), "first");
    }
}
