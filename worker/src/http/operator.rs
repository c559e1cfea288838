use axum::extract::{FromRef, FromRequestParts};
use chassis::{
    Error, Problem, Result,
    auth::{Auth, Caller},
};
use http::request::Parts;

const PERMISSION: &str = "jobs:manage";

/// A caller who may see and manage jobs. As an extractor it refuses all others.
pub struct Operator(pub Caller);

impl<S> FromRequestParts<S> for Operator
where
    S: Send + Sync,
    Auth: FromRef<S>,
{
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self> {
        let caller = Caller::from_request_parts(parts, state).await?;
        caller.require(PERMISSION).await?;
        Ok(Self(caller))
    }
}

/// How [`Operator`] refuses, for the OpenAPI document.
#[derive(utoipa::IntoResponses)]
#[expect(dead_code, reason = "only described")]
pub enum NotOperator {
    #[response(
        status = 401,
        description = "Not signed in",
        content_type = "application/problem+json"
    )]
    Unauthenticated(Problem),
    #[response(
        status = 403,
        description = "Without `jobs:manage`",
        content_type = "application/problem+json"
    )]
    Forbidden(Problem),
}
