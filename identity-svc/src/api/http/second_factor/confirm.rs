use std::sync::Arc;

use axum::extract::State;
use chassis::{Problem, Result, auth::NotSignedIn, http::Json as Body};
use serde::Deserialize;
use utoipa::ToSchema;

use super::{Once, RecoveryCodes, once};
use crate::api::http::person::Person;
use crate::{api::http::actor::From, service::Identity};

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Confirmation {
    /// Of the app.
    #[schema(example = "123456")]
    code: String,
}

/// Confirm that your app has the secret.
///
/// From now on nobody signs in without a code. All other sessions end. The recovery codes are shown this once.
#[utoipa::path(
    post,
    path = "/v1/me/second-factor/confirm",
    tag = "second factor",
    security(("bearer" = [])),
    request_body = Confirmation,
    responses(
        (status = 200, description = "The second factor guards the account", body = RecoveryCodes),
        NotSignedIn,
        (status = 403, description = "`session-required`; `invalid-code`", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "None was begun within the last 15 minutes", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "`second-factor-enabled`; `account-changed`: another was begun meanwhile", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "A field is missing", body = Problem, content_type = "application/problem+json"),
        (status = 429, description = "`too-many-attempts`: wait as long as `Retry-After` says", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "Too many at once", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn confirm_second_factor(
    Person(caller): Person,
    from: From,
    State(identity): State<Arc<Identity>>,
    Body(body): Body<Confirmation>,
) -> Result<Once<RecoveryCodes>> {
    let (actor, session) = (from.by(&caller), caller.claims.sid);
    let codes = identity
        .confirm_second_factor(&actor, caller.id, session, &body.code)
        .await?;
    Ok(once(codes.into()))
}
