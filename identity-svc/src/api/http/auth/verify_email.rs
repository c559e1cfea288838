use std::sync::Arc;

use axum::extract::State;
use chassis::{Problem, Result, http::Json as Body};
use http::StatusCode;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::{api::http::actor::From, service::Identity};

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct EmailVerification {
    /// From the link in the mail.
    token: String,
}

/// Verify an e-mail address.
///
/// By the link in the mail that a registration, or `POST /v1/me/email-verification`, sends. Again: the same.
#[utoipa::path(
    post,
    path = "/v1/auth/verify-email",
    tag = "auth",
    request_body = EmailVerification,
    responses(
        (status = 204, description = "Verified"),
        (status = 422, description = "`invalid-token`: the link is too old", body = Problem, content_type = "application/problem+json"),
        (status = 429, description = "`too-many-attempts`: wait as long as `Retry-After` says", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn verify_email(
    from: From,
    State(identity): State<Arc<Identity>>,
    Body(body): Body<EmailVerification>,
) -> Result<StatusCode> {
    identity
        .verify_email(&from.by_visitor(), &body.token)
        .await?;
    Ok(StatusCode::NO_CONTENT)
}
