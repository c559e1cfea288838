use std::sync::Arc;

use axum::extract::State;
use chassis::{Problem, Result, http::Json as Body};
use serde::Deserialize;
use utoipa::ToSchema;

use super::{TokenResponse, Tokens, given, response};
use crate::{
    api::http::{actor::From, check::invalid},
    domain::{Password, PasswordRule},
    service::Identity,
};

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PasswordReset {
    /// From the link in the mail.
    token: String,
    /// Any characters, as long as they are not guessed easily; 15 at least, or 8 if a second factor guards the account.
    #[schema(min_length = 8, max_length = 128, format = Password)]
    password: String,
    /// Of the second factor, if one guards the account: the app's, or a recovery code.
    #[schema(example = "123456")]
    code: Option<String>,
}

/// Set a new password by the link in a mail, and sign in.
///
/// All other sessions of the account end, and all such links are spent. It is of no matter how often somebody has failed to
/// sign in. A missing or wrong code leaves the link as good as it is; after five wrong ones it is not good any more.
#[utoipa::path(
    post,
    path = "/v1/auth/password-reset/confirm",
    tag = "auth",
    request_body = PasswordReset,
    responses(
        (status = 200, description = "Signed in", body = Tokens),
        (status = 401, description = "`second-factor-required`: send a `code`, too; `invalid-code`: it is wrong or has been used", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "`account-changed`: the password or the second factor was changed meanwhile", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "`password` is not acceptable; `invalid-token`: the link has been used or is too old", body = Problem, content_type = "application/problem+json"),
        (status = 429, description = "`too-many-attempts`: wait as long as `Retry-After` says", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "Too many at once", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn confirm_password_reset(
    from: From,
    State(identity): State<Arc<Identity>>,
    Body(body): Body<PasswordReset>,
) -> Result<TokenResponse> {
    let password = Password::parse(&body.password, PasswordRule::BesideSecondFactor)
        .map_err(invalid("password"))?;
    let tokens = identity
        .reset_password(
            &from.by_visitor(),
            &body.token,
            password,
            given(body.code.as_deref()),
        )
        .await?;
    Ok(response(&tokens))
}
