use std::sync::Arc;

use axum::extract::State;
use chassis::{Problem, Result, auth::NotSignedIn, http::Json as Body};
use http::StatusCode;
use serde::Deserialize;
use utoipa::ToSchema;

use super::gone;
use crate::api::http::person::Person;
use crate::{
    api::http::{actor::From, check::invalid},
    domain::{Password, PasswordRule},
    service::Identity,
};

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PasswordChange {
    #[schema(format = Password)]
    current_password: String,
    /// Any characters, as long as they are not guessed easily; 15 at least, or 8 if a second factor guards the account.
    #[schema(min_length = 8, max_length = 128, format = Password)]
    new_password: String,
}

/// Change your password.
///
/// All other sessions end.
#[utoipa::path(
    put,
    path = "/v1/me/password",
    tag = "users",
    security(("bearer" = [])),
    request_body = PasswordChange,
    responses(
        (status = 204, description = "Changed"),
        NotSignedIn,
        (status = 403, description = "`session-required`; `invalid-credentials`: the current password is wrong", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "`account-changed`: the password or the second factor was changed meanwhile", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "`new_password` is not acceptable", body = Problem, content_type = "application/problem+json"),
        (status = 429, description = "`too-many-attempts`: wait as long as `Retry-After` says", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "Too many at once", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn change_password(
    Person(caller): Person,
    from: From,
    State(identity): State<Arc<Identity>>,
    Body(body): Body<PasswordChange>,
) -> Result<StatusCode> {
    let new = Password::parse(&body.new_password, PasswordRule::BesideSecondFactor)
        .map_err(invalid("new_password"))?;
    let (actor, session) = (from.by(&caller), caller.claims.sid);
    identity
        .change_password(&actor, caller.id, session, &body.current_password, new)
        .await
        .map_err(|error| gone(error).with_fields_renamed(|_| "new_password".to_owned()))?;
    Ok(StatusCode::NO_CONTENT)
}
