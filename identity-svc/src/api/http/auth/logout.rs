use std::sync::Arc;

use axum::extract::State;
use chassis::{Problem, Result, http::Json as Body};
use http::StatusCode;

use super::RefreshToken;
use crate::{api::http::actor::From, service::Identity};

/// Sign out.
///
/// The session ends, and with it its access tokens: no service takes them any more. A token that is not valid any more is
/// no error.
#[utoipa::path(
    post,
    path = "/v1/auth/logout",
    tag = "auth",
    request_body = RefreshToken,
    responses(
        (status = 204, description = "Signed out"),
        (status = 422, description = "A field is missing", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn logout(
    from: From,
    State(identity): State<Arc<Identity>>,
    Body(body): Body<RefreshToken>,
) -> Result<StatusCode> {
    identity
        .sign_out(&from.by_visitor(), &body.refresh_token)
        .await?;
    Ok(StatusCode::NO_CONTENT)
}
