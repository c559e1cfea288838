//! One error type for every layer above the domain. It travels between services as a gRPC status without loss, and
//! leaves for the world as a problem document ([RFC 9457](https://www.rfc-editor.org/rfc/rfc9457)).

mod code;
mod problem;
mod status;

use std::{borrow::Cow, fmt, time::Duration};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

pub use code::Code;
pub use problem::{PROBLEM_JSON, Problem};

pub type Result<T, E = Error> = std::result::Result<T, E>;

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
    /// The caller has sent an access token, and it is not valid.
    invalid_token: bool,
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
            invalid_token: false,
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

    /// The caller's access token is not valid; another one may be.
    pub fn invalid_token(detail: impl Into<String>) -> Self {
        let mut error = Self::unauthenticated(detail);
        error.0.invalid_token = true;
        error
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
        /// More names than these make no sentence; `errors` has them all.
        const NAMED: usize = 10;
        let names: Vec<&str> = fields
            .iter()
            .take(NAMED)
            .map(|field| field.field.as_str())
            .collect();
        let mut detail = format!("not acceptable: {}", names.join(", "));
        if let Some(more @ 1..) = fields.len().checked_sub(NAMED) {
            detail.push_str(&format!(", and {more} more"));
        }
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

    /// The same with other names of the fields: what we asked of somebody else has its fields elsewhere in our caller's
    /// request.
    #[must_use]
    pub fn with_fields_renamed(self, rename: impl Fn(&str) -> String) -> Self {
        if self.0.fields.is_empty() {
            return self;
        }
        let renamed = self.0.fields.into_iter().map(|field| FieldError {
            field: rename(&field.field),
            ..field
        });
        Self::invalid(renamed.collect())
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

    /// When the caller may try again, if the error says so.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        self.0.retry_after
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
            // Without a cause it is a refusal: whoever refuses thousands must not write thousands of lines.
            Code::Unavailable if self.0.source.is_none() => {}
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
        } else if let Some(why) = crate::postgres::unstorable(&error) {
            Self::bad_request(why)
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
