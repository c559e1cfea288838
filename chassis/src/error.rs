//! One error type for every layer above the domain. It travels between services as a gRPC status without loss, and
//! leaves for the world as a problem document ([RFC 9457](https://www.rfc-editor.org/rfc/rfc9457)).

use std::{borrow::Cow, collections::HashMap, error::Error as _, fmt, time::Duration};

use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use tonic_types::{ErrorDetails, StatusExt as _};

use crate::trace;

pub type Result<T, E = Error> = std::result::Result<T, E>;

/// The media type of a problem document.
pub const PROBLEM_JSON: &str = "application/problem+json";

/// What went wrong, as far as a caller's reaction depends on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Code {
    /// The request cannot be understood: 400.
    InvalidArgument,
    /// No valid credentials: 401.
    Unauthenticated,
    /// Known, but not allowed: 403.
    PermissionDenied,
    /// No such thing, or none that the caller may know of: 404.
    NotFound,
    /// 405.
    MethodNotAllowed,
    /// The current state does not allow it: 409.
    Conflict,
    /// `If-Match` names another version: 412.
    VersionMismatch,
    /// 413.
    PayloadTooLarge,
    /// 415.
    UnsupportedMediaType,
    /// Understood, but a field's value is not acceptable: 422.
    Invalid,
    /// A change that needs `If-Match` came without: 428.
    VersionRequired,
    /// 429.
    TooManyRequests,
    /// Our fault: 500.
    Internal,
    /// Try again in a moment: 503.
    Unavailable,
    /// 504.
    DeadlineExceeded,
}

impl Code {
    const ALL: [Self; 15] = [
        Self::InvalidArgument,
        Self::Unauthenticated,
        Self::PermissionDenied,
        Self::NotFound,
        Self::MethodNotAllowed,
        Self::Conflict,
        Self::VersionMismatch,
        Self::PayloadTooLarge,
        Self::UnsupportedMediaType,
        Self::Invalid,
        Self::VersionRequired,
        Self::TooManyRequests,
        Self::Internal,
        Self::Unavailable,
        Self::DeadlineExceeded,
    ];

    /// The HTTP status that stands for it.
    #[must_use]
    pub fn http(self) -> StatusCode {
        match self {
            Self::InvalidArgument => StatusCode::BAD_REQUEST,
            Self::Unauthenticated => StatusCode::UNAUTHORIZED,
            Self::PermissionDenied => StatusCode::FORBIDDEN,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::Conflict => StatusCode::CONFLICT,
            Self::VersionMismatch => StatusCode::PRECONDITION_FAILED,
            Self::PayloadTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::UnsupportedMediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::Invalid => StatusCode::UNPROCESSABLE_ENTITY,
            Self::VersionRequired => StatusCode::PRECONDITION_REQUIRED,
            Self::TooManyRequests => StatusCode::TOO_MANY_REQUESTS,
            Self::Internal => StatusCode::INTERNAL_SERVER_ERROR,
            Self::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
            Self::DeadlineExceeded => StatusCode::GATEWAY_TIMEOUT,
        }
    }

    /// The gRPC status code that stands for it.
    #[must_use]
    pub fn grpc(self) -> tonic::Code {
        match self {
            Self::InvalidArgument | Self::UnsupportedMediaType | Self::Invalid => {
                tonic::Code::InvalidArgument
            }
            Self::Unauthenticated => tonic::Code::Unauthenticated,
            Self::PermissionDenied => tonic::Code::PermissionDenied,
            Self::NotFound => tonic::Code::NotFound,
            Self::MethodNotAllowed => tonic::Code::Unimplemented,
            Self::Conflict | Self::VersionRequired => tonic::Code::FailedPrecondition,
            Self::VersionMismatch => tonic::Code::Aborted,
            Self::PayloadTooLarge => tonic::Code::OutOfRange,
            Self::TooManyRequests => tonic::Code::ResourceExhausted,
            Self::Internal => tonic::Code::Internal,
            Self::Unavailable => tonic::Code::Unavailable,
            Self::DeadlineExceeded => tonic::Code::DeadlineExceeded,
        }
    }

    /// The nearest meaning of a status that is not one of ours.
    fn from_grpc(code: tonic::Code) -> Self {
        match code {
            tonic::Code::InvalidArgument => Self::InvalidArgument,
            tonic::Code::Unauthenticated => Self::Unauthenticated,
            tonic::Code::PermissionDenied => Self::PermissionDenied,
            tonic::Code::NotFound => Self::NotFound,
            tonic::Code::AlreadyExists | tonic::Code::FailedPrecondition => Self::Conflict,
            tonic::Code::Aborted => Self::VersionMismatch,
            tonic::Code::ResourceExhausted => Self::TooManyRequests,
            tonic::Code::Unavailable => Self::Unavailable,
            tonic::Code::DeadlineExceeded | tonic::Code::Cancelled => Self::DeadlineExceeded,
            tonic::Code::Ok
            | tonic::Code::Unknown
            | tonic::Code::OutOfRange
            | tonic::Code::Unimplemented
            | tonic::Code::Internal
            | tonic::Code::DataLoss => Self::Internal,
        }
    }

    fn from_http(status: u16) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|code| code.http().as_u16() == status)
    }
}

/// A field of the request and what is wrong with it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct FieldError {
    /// Path of the field in the request, for example `lines[0].quantity`.
    #[schema(example = "lines[0].quantity")]
    pub field: String,
    #[schema(example = "must be at least 1")]
    pub detail: String,
}

/// See the module's documentation. Boxed, because a `Result` is as large as its larger half.
pub struct Error(Box<Inner>);

struct Inner {
    code: Code,
    kind: Cow<'static, str>,
    detail: String,
    fields: Vec<FieldError>,
    extensions: Map<String, Value>,
    retry_after: Option<Duration>,
    /// For the log only; it never leaves the process.
    source: Option<anyhow::Error>,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.0.kind, self.0.detail)
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.source.as_deref().map(|source| source as _)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")?;
        if let Some(source) = &self.0.source {
            write!(f, ": {source:#}")?;
        }
        Ok(())
    }
}

impl Error {
    /// An error of the stable type `kind`, for example `insufficient-stock`. `detail` is for the caller to read.
    pub fn new(code: Code, kind: impl Into<Cow<'static, str>>, detail: impl Into<String>) -> Self {
        Self(Box::new(Inner {
            code,
            kind: kind.into(),
            detail: detail.into(),
            fields: Vec::new(),
            extensions: Map::new(),
            retry_after: None,
            source: None,
        }))
    }

    fn with_fields(mut self, fields: Vec<FieldError>) -> Self {
        self.0.fields = fields;
        self
    }

    fn with_source(mut self, source: impl Into<anyhow::Error>) -> Self {
        self.0.source = Some(source.into());
        self
    }

    pub fn bad_request(detail: impl Into<String>) -> Self {
        Self::new(Code::InvalidArgument, "bad-request", detail)
    }

    pub fn unauthenticated(detail: impl Into<String>) -> Self {
        Self::new(Code::Unauthenticated, "unauthenticated", detail)
    }

    /// The caller lacks `permission`.
    #[must_use]
    pub fn forbidden(permission: &str) -> Self {
        Self::new(
            Code::PermissionDenied,
            "forbidden",
            format!("this needs the permission `{permission}`"),
        )
    }

    pub fn not_found(detail: impl Into<String>) -> Self {
        Self::new(Code::NotFound, "not-found", detail)
    }

    /// A value that is not acceptable, at `field`.
    pub fn invalid_field(field: impl Into<String>, detail: impl Into<String>) -> Self {
        Self::invalid(vec![FieldError {
            field: field.into(),
            detail: detail.into(),
        }])
    }

    /// Values that are not acceptable.
    #[must_use]
    pub fn invalid(fields: Vec<FieldError>) -> Self {
        let names: Vec<&str> = fields.iter().map(|field| field.field.as_str()).collect();
        let detail = format!("not acceptable: {}", names.join(", "));
        Self::new(Code::Invalid, "validation", detail).with_fields(fields)
    }

    /// Something that we need is away; the caller may try again in a second.
    pub fn unavailable(source: impl Into<anyhow::Error>) -> Self {
        Self::new(
            Code::Unavailable,
            "unavailable",
            "a part of the system is away for a moment; try again",
        )
        .with_source(source)
        .with_retry_after(Duration::from_secs(1))
    }

    /// Our fault. The source goes to the log, not to the caller.
    pub fn internal(source: impl Into<anyhow::Error>) -> Self {
        Self::new(
            Code::Internal,
            "internal",
            "an error on our side; it was logged with this request's id",
        )
        .with_source(source)
    }

    /// Adds a member to the problem document.
    #[must_use]
    pub fn with_extension(mut self, name: &str, value: Value) -> Self {
        self.0.extensions.insert(name.to_owned(), value);
        self
    }

    /// Tells the caller when to try again.
    #[must_use]
    pub fn with_retry_after(mut self, after: Duration) -> Self {
        self.0.retry_after = Some(after);
        self
    }

    #[must_use]
    pub fn code(&self) -> Code {
        self.0.code
    }

    /// The stable type, for example `insufficient-stock`.
    #[must_use]
    pub fn kind(&self) -> &str {
        &self.0.kind
    }

    #[must_use]
    pub fn detail(&self) -> &str {
        &self.0.detail
    }

    #[must_use]
    pub fn fields(&self) -> &[FieldError] {
        &self.0.fields
    }

    /// Whether the same call may succeed later without anybody changing anything.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        matches!(self.0.code, Code::Unavailable | Code::DeadlineExceeded)
    }

    /// Logs an error of ours, once, where it leaves the service; the caller's own mistakes are no news.
    fn log(&self) {
        match self.0.code {
            Code::Internal => tracing::error!(error = ?self, "request failed"),
            Code::Unavailable | Code::DeadlineExceeded => {
                tracing::warn!(error = ?self, "request could not be served");
            }
            _ => {}
        }
    }
}

impl From<sqlx::Error> for Error {
    fn from(error: sqlx::Error) -> Self {
        if crate::postgres::is_transient(&error) {
            Self::unavailable(error)
        } else if crate::postgres::is_unstorable_text(&error) {
            Self::bad_request("a text holds the character U+0000, which cannot be stored")
        } else {
            Self::internal(error)
        }
    }
}

impl From<serde_json::Error> for Error {
    fn from(error: serde_json::Error) -> Self {
        Self::internal(error)
    }
}

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
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if let Some(after) = retry_after {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(after.as_secs()));
        }
        response
    }
}

/// The domain of our `google.rpc.ErrorInfo`.
const DOMAIN: &str = "easyorder";
/// Metadata keys of ours, apart from the extensions, which keep their names.
const HTTP_STATUS: &str = "@status";

impl From<Error> for tonic::Status {
    fn from(error: Error) -> Self {
        error.log();
        let Inner {
            code,
            kind,
            detail,
            fields,
            extensions,
            retry_after,
            source: _,
        } = *error.0;
        let mut metadata: HashMap<String, String> = extensions
            .into_iter()
            .map(|(name, value)| (name, value.to_string()))
            .collect();
        metadata.insert(HTTP_STATUS.to_owned(), code.http().as_u16().to_string());
        let mut details = ErrorDetails::with_error_info(kind, DOMAIN, metadata);
        for field in fields {
            details.add_bad_request_violation(field.field, field.detail);
        }
        if retry_after.is_some() {
            details.set_retry_info(retry_after);
        }
        Self::with_error_details(code.grpc(), detail, details)
    }
}

impl From<tonic::Status> for Error {
    fn from(status: tonic::Status) -> Self {
        let details = status.get_error_details();
        let Some(info) = details.error_info().filter(|info| info.domain == DOMAIN) else {
            let code = Code::from_grpc(status.code());
            return match code {
                // No status that came over the line: the line broke in the middle of the call.
                _ if status.source().is_some() => Self::unavailable(status),
                // A peer that is away answers nothing of ours.
                Code::Unavailable | Code::DeadlineExceeded => Self::unavailable(status),
                Code::Internal => Self::internal(status),
                _ => Self::new(code, "refused", status.message()),
            };
        };
        let code = info
            .metadata
            .get(HTTP_STATUS)
            .and_then(|status| Code::from_http(status.parse().ok()?))
            .unwrap_or_else(|| Code::from_grpc(status.code()));
        let extensions = info
            .metadata
            .iter()
            .filter(|(name, _)| *name != HTTP_STATUS)
            .filter_map(|(name, value)| Some((name.clone(), serde_json::from_str(value).ok()?)))
            .collect();
        let fields = details.bad_request().map_or_else(Vec::new, |bad| {
            bad.field_violations
                .iter()
                .map(|violation| FieldError {
                    field: violation.field.clone(),
                    detail: violation.description.clone(),
                })
                .collect()
        });
        Self(Box::new(Inner {
            code,
            kind: Cow::Owned(info.reason.clone()),
            detail: status.message().to_owned(),
            fields,
            extensions,
            retry_after: details.retry_info().and_then(|retry| retry.retry_delay),
            source: None,
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_survives_the_way_through_grpc() {
        for code in Code::ALL {
            let field = FieldError {
                field: "lines[0].sku".to_owned(),
                detail: "unknown SKU".to_owned(),
            };
            let sent = Error::new(code, "some-kind", "what to read")
                .with_fields(vec![field])
                .with_extension("items", serde_json::json!([{"sku": "A", "available": 3}]))
                .with_retry_after(Duration::from_secs(2));
            let expected = (sent.0.fields.clone(), sent.0.extensions.clone());

            let received = Error::from(tonic::Status::from(sent));

            assert_eq!(received.code(), code);
            assert_eq!(received.kind(), "some-kind");
            assert_eq!(received.detail(), "what to read");
            assert_eq!((received.0.fields, received.0.extensions), expected);
            assert_eq!(received.0.retry_after, Some(Duration::from_secs(2)));
        }
    }

    #[test]
    fn a_call_whose_line_broke_may_be_made_again() {
        let broken = tonic::Status::from_error("transport error".into());
        assert_eq!(Error::from(broken).code(), Code::Unavailable);
        let refused = tonic::Status::unknown("what the peer said");
        assert_eq!(Error::from(refused).code(), Code::Internal);
    }

    #[test]
    fn the_source_of_an_error_never_leaves() {
        let status = tonic::Status::from(Error::internal(anyhow::anyhow!("password=hunter2")));
        assert!(!format!("{status:?}").contains("hunter2"));
    }
}
