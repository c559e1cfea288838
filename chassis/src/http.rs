//! What every HTTP handler shares: extractors whose refusals are problem documents, pages, versions.

mod nul;
mod object;
mod time;

use axum::{
    extract::{FromRequest, FromRequestParts, OptionalFromRequestParts, rejection},
    response::{IntoResponse, Response},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use http::{HeaderMap, HeaderValue, StatusCode, header, request::Parts};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

pub use object::object;
pub use time::Time;

use crate::{Code, Error, Result};

/// A JSON body. As an answer it is `axum::Json`.
#[derive(Debug)]
pub struct Json<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Json<T> {
    type Rejection = Error;

    async fn from_request(request: axum::extract::Request, state: &S) -> Result<Self> {
        if !is_json(request.headers()) {
            return Err(Error::new(
                Code::UnsupportedMediaType,
                "unsupported-media-type",
                "send `Content-Type: application/json`",
            ));
        }
        let bytes = match bytes::Bytes::from_request(request, state).await {
            Ok(bytes) => bytes,
            Err(rejection) if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE => {
                return Err(Error::new(
                    Code::PayloadTooLarge,
                    "payload-too-large",
                    "the body is too large",
                ));
            }
            Err(rejection) => return Err(Error::bad_request(rejection.body_text())),
        };
        nul::refuse_json(&bytes)?;
        // The path tells which field of a nested body is at fault.
        let mut json = serde_json::Deserializer::from_slice(&bytes);
        serde_path_to_error::deserialize(&mut json)
            .and_then(|value| {
                json.end()
                    .map_err(|error| {
                        serde_path_to_error::Error::new(
                            serde_path_to_error::Track::new().path(),
                            error,
                        )
                    })
                    .map(|()| value)
            })
            .map(Self)
            .map_err(|error| {
                let path = error.path().to_string();
                let error = error.into_inner();
                if error.is_data() {
                    let detail = without_position(&error);
                    Error::invalid_field(field(path, &detail), detail)
                } else {
                    Error::bad_request(format!("the body is not JSON: {error}"))
                }
            })
    }
}

/// Whether a body is JSON by its type: `application/json`, or one that ends with `+json`. What has none is taken for it.
fn is_json(headers: &HeaderMap) -> bool {
    let Some(value) = headers.get(header::CONTENT_TYPE) else {
        return true;
    };
    let text = value.to_str().unwrap_or_default();
    let essence = text.split(';').next().unwrap_or_default().trim();
    essence.split_once('/').is_some_and(|(kind, subtype)| {
        let subtype = subtype.to_ascii_lowercase();
        kind.eq_ignore_ascii_case("application")
            && (subtype == "json" || subtype.ends_with("+json"))
    })
}

/// Of a missing field serde's path is its parent's; the message names it.
fn field(path: String, message: &str) -> String {
    let missing = message
        .strip_prefix("missing field `")
        .and_then(|rest| rest.strip_suffix('`'));
    match (path.as_str(), missing) {
        (".", None) => "body".to_owned(),
        (".", Some(name)) => name.to_owned(),
        (_, None) => path,
        (_, Some(name)) => format!("{path}.{name}"),
    }
}

/// serde's message ends with a position in the text, which says nothing to a caller who reads field names.
fn without_position(error: &serde_json::Error) -> String {
    let message = error.to_string();
    message
        .rsplit_once(" at line ")
        .map_or(message.clone(), |(text, _)| text.to_owned())
}

impl<T: Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        axum::Json(self.0).into_response()
    }
}

/// The query string.
#[derive(Debug)]
pub struct Query<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Query<T> {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self> {
        nul::refuse_query(&parts.uri)?;
        axum::extract::Query::from_request_parts(parts, state)
            .await
            .map(|axum::extract::Query(query)| Self(query))
            .map_err(|rejection: rejection::QueryRejection| {
                let text = rejection.body_text();
                // `Failed to deserialize query string: limit: invalid digit`
                let mut parts = text.splitn(3, ": ").skip(1);
                match (parts.next(), parts.next()) {
                    (Some(field), Some(detail)) => Error::invalid_field(field, detail),
                    (detail, _) => Error::invalid_field("query", detail.unwrap_or_default()),
                }
            })
    }
}

/// The parameters in the path. One that does not parse names nothing that exists: 404.
#[derive(Debug)]
pub struct Path<T>(pub T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Path<T> {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self> {
        nul::refuse_path(&parts.uri)?;
        <axum::extract::Path<T> as FromRequestParts<S>>::from_request_parts(parts, state)
            .await
            .map(|axum::extract::Path(path)| Self(path))
            .map_err(|_: rejection::PathRejection| Error::not_found("nothing has this address"))
    }
}

/// The version that a caller expects, from `If-Match`: an entity tag, with or without quotes, that begins with it; None for
/// `*`, which is any.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IfMatch(pub Option<i64>);

impl<S: Sync> OptionalFromRequestParts<S> for IfMatch {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Option<Self>> {
        let Some(value) = parts.headers.get(header::IF_MATCH) else {
            return Ok(None);
        };
        let tag = value.to_str().unwrap_or_default().trim();
        if tag == "*" {
            return Ok(Some(Self(None)));
        }
        let tag = tag.trim_matches('"');
        tag.split_once('-')
            .map_or(tag, |(version, _)| version)
            .parse()
            .map(|version| Some(Self(Some(version))))
            // RFC 9110, 13.1.1: a tag that matches nothing.
            .map_err(|_| {
                Error::new(
                    Code::VersionMismatch,
                    "version-mismatch",
                    "no version has this entity tag",
                )
            })
    }
}

/// The entity tag of a version.
#[must_use]
pub fn etag(version: i64) -> (header::HeaderName, HeaderValue) {
    let tag = HeaderValue::from_str(&format!("\"{version}\""));
    // Digits and quotes are always valid in a header.
    (
        header::ETAG,
        tag.unwrap_or(HeaderValue::from_static("\"0\"")),
    )
}

/// The entity tag of what a version does not tell wholly: `rest` tells what else there is to it.
#[must_use]
pub fn etag_with(version: i64, rest: i64) -> (header::HeaderName, HeaderValue) {
    let tag = HeaderValue::from_str(&format!("\"{version}-{rest}\""));
    (
        header::ETAG,
        tag.unwrap_or(HeaderValue::from_static("\"0\"")),
    )
}

/// `?limit=` and `?after=` of a list.
#[derive(Debug, Clone, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Page {
    /// How many items at most, 1 to 100.
    #[serde(default = "default_limit")]
    #[param(minimum = 1, maximum = 100, default = 20)]
    pub limit: i64,
    /// Where to go on: `next` of the page before.
    pub after: Option<String>,
}

fn default_limit() -> i64 {
    20
}

impl Page {
    /// The limit, checked.
    ///
    /// # Errors
    /// When it is out of range.
    pub fn limit(&self) -> Result<i64> {
        if (1..=100).contains(&self.limit) {
            Ok(self.limit)
        } else {
            Err(Error::invalid_field("limit", "must be from 1 to 100"))
        }
    }

    /// The sort key of the last item of the page before.
    ///
    /// # Errors
    /// When the cursor is not one of ours.
    pub fn after<K: DeserializeOwned>(&self) -> Result<Option<K>> {
        self.after
            .as_deref()
            .map(|cursor| {
                URL_SAFE_NO_PAD
                    .decode(cursor)
                    .ok()
                    .and_then(|json| serde_json::from_slice(&json).ok())
                    .ok_or_else(|| Error::invalid_field("after", "no cursor of this list"))
            })
            .transpose()
    }
}

/// One page of a list.
#[derive(Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct List<T> {
    pub items: Vec<T>,
    /// Pass as `?after=` for the next page; null on the last.
    pub next: Option<String>,
}

impl<T> List<T> {
    /// A page of at most `limit` items out of `items`, of which one more than `limit` was asked for: its presence tells
    /// that there is a next page. `key` is the sort key of an item.
    ///
    /// # Errors
    /// When the key cannot be written as JSON.
    pub fn page<K: Serialize>(
        mut items: Vec<T>,
        limit: i64,
        key: impl FnOnce(&T) -> K,
    ) -> Result<Self> {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let more = items.len() > limit;
        items.truncate(limit);
        let next = match items.last() {
            Some(last) if more => Some(URL_SAFE_NO_PAD.encode(serde_json::to_vec(&key(last))?)),
            _ => None,
        };
        Ok(Self { items, next })
    }

    /// The same page of other items.
    pub fn map<U>(self, f: impl FnMut(T) -> U) -> List<U> {
        List {
            items: self.items.into_iter().map(f).collect(),
            next: self.next,
        }
    }
}

/// The bearer token of a request, if it carries one. Spaces around it are not of it (RFC 9110, 5.5 and 11.4).
#[must_use]
pub fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION)?.as_bytes();
    let (scheme, token) = match value.iter().position(|byte| *byte == b' ') {
        Some(space) => value.split_at(space),
        // The scheme alone is a token, too: an empty one, which is not valid. So is what is no text.
        None => (value, &[][..]),
    };
    scheme.eq_ignore_ascii_case(b"bearer").then(|| {
        str::from_utf8(token)
            .unwrap_or_default()
            .trim_matches([' ', '\t'])
    })
}

/// Adds the security scheme `bearer` to a service's document.
#[derive(Debug)]
pub struct BearerToken;

impl utoipa::Modify for BearerToken {
    fn modify(&self, openapi: &mut utoipa::openapi::OpenApi) {
        use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
        let scheme = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .bearer_format("JWT")
            .description(Some(
                "The `access_token` of `POST /v1/auth/login` or `POST /v1/auth/token`; at the gateway also an API key",
            ))
            .build();
        openapi
            .components
            .get_or_insert_default()
            .add_security_scheme("bearer", SecurityScheme::Http(scheme));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_bad_field_is_named_by_its_path() {
        #[derive(Debug, Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Line {
            #[allow(dead_code)]
            quantity: i64,
        }
        type Body = std::collections::HashMap<String, Vec<Line>>;
        for (body, field) in [
            (r#"{"lines": [{"quantity": 1}, {}]}"#, "lines[1].quantity"),
            (r#"{"lines": [{"quantity": "1"}]}"#, "lines[0].quantity"),
            (r#"{"lines": [{"size": 1}]}"#, "lines[0].size"),
            (r#"{"lines": 1}"#, "lines"),
            ("1", "body"),
        ] {
            let request = axum::extract::Request::new(body.into());
            let refused = Json::<Body>::from_request(request, &()).await.unwrap_err();
            assert_eq!(refused.fields()[0].field, field);
        }
        let request = axum::extract::Request::new("{}".into());
        let refused = Json::<Line>::from_request(request, &()).await.unwrap_err();
        assert_eq!(refused.fields()[0].field, "quantity");
    }

    #[tokio::test]
    async fn a_body_of_another_type_is_refused() {
        for (kind, well) in [
            (Some("application/json"), true),
            (Some("Application/JSON; charset=utf-8"), true),
            (Some("application/merge-patch+json"), true),
            (None, true),
            (Some("text/plain"), false),
            (Some("application/x-www-form-urlencoded"), false),
            (Some("text/json"), false),
            (Some("json"), false),
            (Some(""), false),
        ] {
            let mut request = axum::extract::Request::new("1".into());
            if let Some(kind) = kind {
                let value = HeaderValue::from_static(kind);
                request.headers_mut().insert(header::CONTENT_TYPE, value);
            }
            match Json::<i64>::from_request(request, &()).await {
                Ok(_) => assert!(well, "{kind:?}"),
                Err(error) => assert_eq!((well, error.code()), (false, Code::UnsupportedMediaType)),
            }
        }
    }

    #[test]
    fn a_bearer_token_is_what_follows_the_scheme() {
        let token = |value: &'static str| {
            let value = HeaderValue::from_bytes(value.as_bytes()).unwrap();
            bearer(&HeaderMap::from_iter([(header::AUTHORIZATION, value)])).map(str::to_owned)
        };
        for (value, expected) in [
            ("Bearer a.b.c", "a.b.c"),
            ("bEARER   a.b.c ", "a.b.c"),
            ("Bearer a b", "a b"),
            ("Bearer \u{a0}a.b.c", "\u{a0}a.b.c"),
            ("Bearer", ""),
        ] {
            assert_eq!(token(value).as_deref(), Some(expected), "{value}");
        }
        for value in ["Basic a.b.c", "Bearera.b.c", "a.b.c", ""] {
            assert_eq!(token(value), None, "{value}");
        }
        assert_eq!(bearer(&HeaderMap::new()), None);
        // What is no text is a token, too, and not a valid one.
        let value = HeaderValue::from_bytes(b"Bearer \xff").unwrap();
        let headers = HeaderMap::from_iter([(header::AUTHORIZATION, value)]);
        assert_eq!(bearer(&headers), Some(""));
    }

    #[test]
    fn a_page_knows_whether_there_is_another() {
        let full = List::page(vec![1, 2, 3], 2, |item| *item).unwrap();
        assert_eq!(full.items, [1, 2]);
        let page = Page {
            limit: 2,
            after: full.next,
        };
        assert_eq!(page.after::<i32>().unwrap(), Some(2));

        let last = List::page(vec![1, 2], 2, |item| *item).unwrap();
        assert_eq!(last.next, None);
    }

    #[test]
    fn a_cursor_of_another_make_is_refused() {
        let page = Page {
            limit: 2,
            after: Some("x!".to_owned()),
        };
        assert_eq!(page.after::<i32>().unwrap_err().fields()[0].field, "after");
    }
}
