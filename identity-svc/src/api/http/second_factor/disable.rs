use std::sync::Arc;

use axum::extract::State;
use chassis::{Problem, Result, auth::NotSignedIn, http::Json as Body};
use http::StatusCode;

use super::Proof;
use crate::api::http::person::Person;
use crate::{api::http::actor::From, service::Identity};

/// Disable your second factor.
///
/// The password alone opens the account then, so it has to be 15 characters long at least.
#[utoipa::path(
    post,
    path = "/v1/me/second-factor/disable",
    tag = "second factor",
    security(("bearer" = [])),
    request_body = Proof,
    responses(
        (status = 204, description = "Disabled"),
        NotSignedIn,
        (status = 403, description = "`session-required`; `invalid-credentials`: the password is wrong; `invalid-code`", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No second factor guards the account", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "`password-too-short`: change it first", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "A field is missing", body = Problem, content_type = "application/problem+json"),
        (status = 429, description = "`too-many-attempts`: wait as long as `Retry-After` says", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "Too many at once", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn disable_second_factor(
    Person(caller): Person,
    from: From,
    State(identity): State<Arc<Identity>>,
    Body(body): Body<Proof>,
) -> Result<StatusCode> {
    identity
        .disable_second_factor(&from.by(&caller), caller.id, &body.password, &body.code)
        .await?;
    Ok(StatusCode::NO_CONTENT)
}
