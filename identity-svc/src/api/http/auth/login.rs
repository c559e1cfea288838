use std::sync::Arc;

use axum::extract::State;
use chassis::{Problem, Result, http::Json as Body};
use serde::Deserialize;
use utoipa::ToSchema;

use super::{TokenResponse, Tokens, given, response};
use crate::{api::http::actor::From, service::Identity};

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Credentials {
    #[schema(example = "ann@example.com", format = "email")]
    email: String,
    #[schema(format = Password)]
    password: String,
    /// Of the second factor, if one guards the account: the app's, or a recovery code.
    #[schema(example = "123456")]
    code: Option<String>,
}

/// Sign in.
///
/// After ten failures in a row nobody is heard for a second, after each further one for twice as long, up to 15 minutes. A
/// new password, by the mail of `POST /v1/auth/password-reset`, ends that at once.
#[utoipa::path(
    post,
    path = "/v1/auth/login",
    tag = "auth",
    request_body = Credentials,
    responses(
        (status = 200, description = "Signed in", body = Tokens),
        (status = 401, description = "`invalid-credentials`: the address or the password is wrong; `second-factor-required`: they are right, send a `code`, too; `invalid-code`: it is wrong or has been used", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "A field is missing", body = Problem, content_type = "application/problem+json"),
        (status = 429, description = "`too-many-attempts`: wait as long as `Retry-After` says", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "Too many at once", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn login(
    from: From,
    State(identity): State<Arc<Identity>>,
    Body(body): Body<Credentials>,
) -> Result<TokenResponse> {
    let tokens = identity
        .sign_in(
            &from.by_visitor(),
            &body.email,
            &body.password,
            given(body.code.as_deref()),
        )
        .await?;
    Ok(response(&tokens))
}
