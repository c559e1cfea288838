use axum::extract::{FromRef, FromRequestParts};
use chassis::{
    Error, Problem, Result,
    auth::{Auth, Caller},
};
use http::request::Parts;

use crate::domain::Permission;

/// A caller who may manage users and roles. As an extractor it refuses before anybody looks at the body.
pub struct Manager(pub Caller);

impl<S> FromRequestParts<S> for Manager
where
    S: Send + Sync,
    Auth: FromRef<S>,
{
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self> {
        let caller = Caller::from_request_parts(parts, state).await?;
        caller.require(Permission::USERS_MANAGE.as_str()).await?;
        Ok(Self(caller))
    }
}

/// How [`Manager`] refuses, for the OpenAPI document.
#[derive(utoipa::IntoResponses)]
#[expect(dead_code, reason = "only described")]
pub enum NotManager {
    #[response(
        status = 401,
        description = "Not signed in",
        content_type = "application/problem+json"
    )]
    Unauthenticated(Problem),
    #[response(
        status = 403,
        description = "Without `users:manage`",
        content_type = "application/problem+json"
    )]
    Forbidden(Problem),
}
