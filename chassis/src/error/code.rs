use http::StatusCode;

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
    pub(super) const ALL: [Self; 15] = [
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
    pub(super) fn from_grpc(code: tonic::Code) -> Self {
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

    pub(crate) fn from_http(status: u16) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|code| code.http().as_u16() == status)
    }
}
