use std::sync::Arc;

use axum::extract::State;
use chassis::{Problem, Result, auth::NotSignedIn, http::Json as Body};

use super::{Once, Proof, RecoveryCodes, once};
use crate::api::http::person::Person;
use crate::{api::http::actor::From, service::Identity};

/// Get other recovery codes.
///
/// Those before are void. The new ones are shown this once.
#[utoipa::path(
    post,
    path = "/v1/me/second-factor/recovery-codes",
    tag = "second factor",
    security(("bearer" = [])),
    request_body = Proof,
    responses(
        (status = 200, description = "The new ones", body = RecoveryCodes),
        NotSignedIn,
        (status = 403, description = "`session-required`; `invalid-credentials`: the password is wrong; `invalid-code`", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No second factor guards the account", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "A field is missing", body = Problem, content_type = "application/problem+json"),
        (status = 429, description = "`too-many-attempts`: wait as long as `Retry-After` says", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "Too many at once", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn renew_recovery_codes(
    Person(caller): Person,
    from: From,
    State(identity): State<Arc<Identity>>,
    Body(body): Body<Proof>,
) -> Result<Once<RecoveryCodes>> {
    let codes = identity
        .renew_recovery_codes(&from.by(&caller), caller.id, &body.password, &body.code)
        .await?;
    Ok(once(codes.into()))
}
