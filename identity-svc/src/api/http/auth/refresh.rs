use std::sync::Arc;

use axum::extract::State;
use chassis::{Problem, Result, http::Json as Body};

use super::{RefreshToken, TokenResponse, Tokens, response};
use crate::{api::http::actor::From, service::Identity};

/// Get the next pair of tokens.
///
/// The refresh token is spent by that. For 10 seconds it still gets the same successor, for a client whose answer was
/// lost; used later it revokes the whole session.
#[utoipa::path(
    post,
    path = "/v1/auth/refresh",
    tag = "auth",
    request_body = RefreshToken,
    responses(
        (status = 200, description = "The next pair", body = Tokens),
        (status = 401, description = "`invalid-refresh-token`: sign in again", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "A field is missing", body = Problem, content_type = "application/problem+json"),
        (status = 429, description = "`too-many-attempts`: wait as long as `Retry-After` says", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn refresh(
    from: From,
    State(identity): State<Arc<Identity>>,
    Body(body): Body<RefreshToken>,
) -> Result<TokenResponse> {
    let tokens = identity
        .refresh(&from.by_visitor(), &body.refresh_token)
        .await?;
    Ok(response(&tokens))
}
