//! A POST that is sent twice takes effect once
//! ([draft-ietf-httpapi-idempotency-key-header](https://datatracker.ietf.org/doc/draft-ietf-httpapi-idempotency-key-header/)).
//!
//! The key is inserted in the transaction of the change: either both are there or neither, and a twin request waits
//! for the first one's commit. A failure rolls the key back with the change, so it is never kept as an answer.

use axum::{
    extract::{FromRequestParts, OptionalFromRequestParts},
    response::{IntoResponse, Response},
};
use http::{HeaderName, HeaderValue, request::Parts};
use serde::{Serialize, de::DeserializeOwned};
use sha2::{Digest as _, Sha256};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::{Code, Error, Result};

/// The header's name.
pub const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// Set on an answer that was given before.
const REPLAYED: (HeaderName, HeaderValue) = (
    HeaderName::from_static("idempotency-replayed"),
    HeaderValue::from_static("true"),
);

/// The value of the `Idempotency-Key` header: 1 to 255 printable ASCII characters, bare or as a quoted string.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdempotencyKey(String);

impl IdempotencyKey {
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::str::FromStr for IdempotencyKey {
    type Err = Error;

    fn from_str(value: &str) -> Result<Self> {
        let value = value.trim();
        let bare = match value.strip_prefix('"') {
            // RFC 8941 strings escape `"` and `\` by a backslash.
            Some(rest) => rest
                .strip_suffix('"')
                .map(|inner| inner.replace("\\\"", "\"").replace("\\\\", "\\")),
            None => Some(value.to_owned()),
        };
        bare.filter(|key| {
            (1..=255).contains(&key.len()) && key.bytes().all(|byte| matches!(byte, b' '..=b'~'))
        })
        .map(Self)
        .ok_or_else(|| {
            Error::bad_request("`Idempotency-Key` must be 1 to 255 printable ASCII characters")
        })
    }
}

impl<S: Sync> OptionalFromRequestParts<S> for IdempotencyKey {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Option<Self>> {
        let Some(value) = parts.headers.get(&IDEMPOTENCY_KEY) else {
            return Ok(None);
        };
        value
            .to_str()
            .map_err(|_| Error::bad_request("`Idempotency-Key` is not ASCII"))?
            .parse()
            .map(Some)
    }
}

impl<S: Sync> FromRequestParts<S> for IdempotencyKey {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self> {
        <Self as OptionalFromRequestParts<S>>::from_request_parts(parts, state)
            .await?
            .ok_or_else(|| {
                Error::new(
                    Code::InvalidArgument,
                    "idempotency-key-required",
                    "send an `Idempotency-Key` header, so that a retry cannot take effect twice",
                )
            })
    }
}

/// What the request asks for, as far as a retry must repeat it.
///
/// # Errors
/// When `request` cannot be written as JSON.
pub fn fingerprint(operation: &str, request: &impl Serialize) -> Result<Vec<u8>> {
    let mut hash = Sha256::new();
    hash.update(operation);
    hash.update([0]);
    hash.update(serde_json::to_vec(request)?);
    Ok(hash.finalize().to_vec())
}

/// The key came with another request before.
#[must_use]
pub fn reused() -> Error {
    Error::new(
        Code::Invalid,
        "idempotency-key-reused",
        "this `Idempotency-Key` was used with another request; take a new one",
    )
}

/// Claims a key for the change that this transaction makes; `Some` is the answer that was given before.
///
/// # Errors
/// `idempotency-key-reused` if the key came with another request.
async fn claim<T: DeserializeOwned>(
    tx: &mut PgConnection,
    owner: Uuid,
    key: &IdempotencyKey,
    fingerprint: &[u8],
) -> Result<Option<T>> {
    let claimed = sqlx::query(
        "insert into idempotency (owner, key, fingerprint) values ($1, $2, $3) on conflict do nothing",
    )
    .bind(owner)
    .bind(key.as_str())
    .bind(fingerprint)
    .execute(&mut *tx)
    .await?
    .rows_affected();
    if claimed == 1 {
        return Ok(None);
    }
    answer(tx, owner, key, fingerprint)
        .await?
        .ok_or_else(|| anyhow_error("a claimed key is gone"))
        .map(Some)
}

/// The answer that a key was given, if it was claimed.
///
/// # Errors
/// `idempotency-key-reused` if the key came with another request.
async fn answer<T: DeserializeOwned>(
    conn: &mut PgConnection,
    owner: Uuid,
    key: &IdempotencyKey,
    fingerprint: &[u8],
) -> Result<Option<T>> {
    let row: Option<(Vec<u8>, Option<serde_json::Value>)> = sqlx::query_as(
        "select fingerprint, response from idempotency where owner = $1 and key = $2",
    )
    .bind(owner)
    .bind(key.as_str())
    .fetch_optional(conn)
    .await?;
    let Some((known, response)) = row else {
        return Ok(None);
    };
    if known != fingerprint {
        return Err(reused());
    }
    let response = response.ok_or_else(|| anyhow_error("a claimed key has no answer"))?;
    Ok(Some(serde_json::from_value(response)?))
}

/// Keeps the answer for a retry, in the transaction that claimed the key.
///
/// # Errors
/// When the database is away.
async fn keep(
    tx: &mut PgConnection,
    owner: Uuid,
    key: &IdempotencyKey,
    response: &impl Serialize,
) -> Result<()> {
    sqlx::query("update idempotency set response = $3 where owner = $1 and key = $2")
        .bind(owner)
        .bind(key.as_str())
        .bind(serde_json::to_value(response)?)
        .execute(tx)
        .await?;
    Ok(())
}

/// A change that its caller may send again: whose it is, by which key, and what it asked for.
#[derive(Debug, Clone)]
pub struct Once {
    owner: Uuid,
    key: IdempotencyKey,
    fingerprint: Vec<u8>,
}

impl Once {
    /// `operation` and `request` are what a retry must repeat.
    ///
    /// # Errors
    /// When `request` cannot be written as JSON.
    pub fn new(
        owner: Uuid,
        key: IdempotencyKey,
        operation: &str,
        request: &impl Serialize,
    ) -> Result<Self> {
        let fingerprint = fingerprint(operation, request)?;
        Ok(Self {
            owner,
            key,
            fingerprint,
        })
    }

    /// The answer that was given before, without claiming the key.
    ///
    /// # Errors
    /// `idempotency-key-reused` if the key came with another request.
    pub async fn answer<T: DeserializeOwned>(&self, conn: &mut PgConnection) -> Result<Option<T>> {
        answer(conn, self.owner, &self.key, &self.fingerprint).await
    }

    /// Claims the key; see [`claim`].
    ///
    /// # Errors
    /// `idempotency-key-reused` if the key came with another request.
    pub async fn claim<T: DeserializeOwned>(&self, tx: &mut PgConnection) -> Result<Option<T>> {
        claim(tx, self.owner, &self.key, &self.fingerprint).await
    }

    /// Keeps the answer; see [`keep`].
    ///
    /// # Errors
    /// When the database is away.
    pub async fn keep(&self, tx: &mut PgConnection, response: &impl Serialize) -> Result<()> {
        keep(tx, self.owner, &self.key, response).await
    }
}

/// What a change answers, and whether it had been made before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer<T> {
    pub value: T,
    pub replayed: bool,
}

impl<T> Answer<T> {
    /// The change was made now.
    pub fn first(value: T) -> Self {
        Self {
            value,
            replayed: false,
        }
    }

    /// The change had been made before.
    pub fn again(value: T) -> Self {
        Self {
            value,
            replayed: true,
        }
    }

    /// The same with another value.
    pub fn map<U>(self, f: impl FnOnce(T) -> U) -> Answer<U> {
        Answer {
            value: f(self.value),
            replayed: self.replayed,
        }
    }
}

impl<T: IntoResponse> IntoResponse for Answer<T> {
    fn into_response(self) -> Response {
        let mut response = self.value.into_response();
        if self.replayed {
            let (name, value) = REPLAYED;
            response.headers_mut().insert(name, value);
        }
        response
    }
}

fn anyhow_error(message: &'static str) -> Error {
    Error::internal(anyhow::anyhow!(message))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_may_be_bare_or_quoted() {
        for (given, key) in [
            ("536365", "536365"),
            ("\"536365\"", "536365"),
            (r#""a\"b""#, "a\"b"),
            (" a b ", "a b"),
        ] {
            assert_eq!(given.parse::<IdempotencyKey>().unwrap().as_str(), key);
        }
        for bad in ["", "\"", "\"\"", "\"a", "a\u{7}", &"x".repeat(256)] {
            assert!(bad.parse::<IdempotencyKey>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn requests_differ_by_operation_and_content() {
        let a = fingerprint("a", &("x", 1)).unwrap();
        assert_eq!(a, fingerprint("a", &("x", 1)).unwrap());
        assert_ne!(a, fingerprint("b", &("x", 1)).unwrap());
        assert_ne!(a, fingerprint("a", &("x", 2)).unwrap());
    }
}
