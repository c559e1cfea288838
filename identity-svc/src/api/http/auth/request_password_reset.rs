use std::sync::Arc;

use axum::extract::State;
use chassis::{Problem, Result, http::Json as Body};
use http::StatusCode;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::{
    api::http::{actor::From, check::invalid},
    domain::Email,
    service::Identity,
};

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PasswordResetRequest {
    #[schema(example = "ann@example.com", format = "email", max_length = 254)]
    email: String,
}

/// Ask for a new password.
///
/// The address gets a mail with a link, good for half an hour, if it has an account; the answer does not tell. At most one
/// mail a minute, and five an hour.
#[utoipa::path(
    post,
    path = "/v1/auth/password-reset",
    tag = "auth",
    request_body = PasswordResetRequest,
    responses(
        (status = 202, description = "There will be a mail, if there is an account"),
        (status = 422, description = "`email` is no address", body = Problem, content_type = "application/problem+json"),
        (status = 429, description = "`too-many-attempts`: wait as long as `Retry-After` says", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn request_password_reset(
    from: From,
    State(identity): State<Arc<Identity>>,
    Body(body): Body<PasswordResetRequest>,
) -> Result<StatusCode> {
    let email = Email::parse(&body.email).map_err(invalid("email"))?;
    identity
        .request_password_reset(&from.by_visitor(), &email)
        .await?;
    Ok(StatusCode::ACCEPTED)
}
