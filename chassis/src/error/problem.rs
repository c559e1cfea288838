//! How an error leaves for the world.

use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{Error, FieldError, Inner};
use crate::trace;

/// The media type of a problem document.
pub const PROBLEM_JSON: &str = "application/problem+json";

/// The challenge to who sent no token, and to who sent a bad one
/// ([RFC 6750, 3](https://www.rfc-editor.org/rfc/rfc6750#section-3)).
const CHALLENGE: HeaderValue = HeaderValue::from_static("Bearer");
const CHALLENGE_INVALID: HeaderValue = HeaderValue::from_static(r#"Bearer error="invalid_token""#);

/// The body of every error answer ([RFC 9457](https://www.rfc-editor.org/rfc/rfc9457)).
#[derive(Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Problem {
    /// Stable; switch on this.
    #[serde(rename = "type")]
    #[schema(example = "urn:problem-type:validation")]
    pub kind: String,
    #[schema(example = "Unprocessable Entity")]
    pub title: String,
    /// The HTTP status.
    #[schema(example = 422)]
    pub status: u16,
    /// For people.
    #[schema(example = "not acceptable: lines[0].quantity")]
    pub detail: String,
    /// Names this one occurrence; quote it when you ask for help.
    #[schema(example = "urn:request:0191f6c2-7f5e-7d3a-9c1e-2f4b8a6d0e11")]
    pub instance: String,
    /// The fields that are not acceptable (422).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<FieldError>,
    /// What the type of problem adds, for example `items` of `insufficient-stock`.
    #[serde(flatten)]
    #[schema(additional_properties)]
    pub extensions: Map<String, Value>,
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        self.log();
        let Inner {
            code,
            kind,
            detail,
            fields,
            extensions,
            retry_after,
            invalid_token,
            source: _,
        } = *self.0;
        let status = code.http();
        let problem = Problem {
            kind: format!("urn:problem-type:{kind}"),
            title: status.canonical_reason().unwrap_or_default().to_owned(),
            status: status.as_u16(),
            detail,
            instance: format!("urn:request:{}", trace::request_id()),
            errors: fields,
            extensions,
        };
        let mut response = (status, axum::Json(problem)).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(PROBLEM_JSON));
        if status == StatusCode::UNAUTHORIZED {
            let challenge = if invalid_token {
                CHALLENGE_INVALID
            } else {
                CHALLENGE
            };
            headers.insert(header::WWW_AUTHENTICATE, challenge);
        }
        if let Some(after) = retry_after {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(after.as_secs()));
        }
        response
    }
}
