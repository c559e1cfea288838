use std::sync::Arc;

use axum::extract::State;
use chassis::{Problem, Result, auth::NotSignedIn, http::Json as Body};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Once, once};
use crate::api::http::person::Person;
use crate::{
    api::http::{actor::From, me::gone},
    service::Identity,
};

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Beginning {
    #[schema(format = Password)]
    password: String,
}

/// What an authenticator app needs.
#[derive(Serialize, ToSchema)]
pub struct Enrolment {
    /// To be typed: base32.
    #[schema(example = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ")]
    secret: String,
    /// To be shown as a QR code.
    #[schema(
        example = "otpauth://totp/EasyOrder:ann%40example.com?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=EasyOrder"
    )]
    uri: String,
}

/// Begin with a second factor.
///
/// It guards nothing until it is confirmed by a code of the app, within 15 minutes. Beginning anew makes another secret.
#[utoipa::path(
    post,
    path = "/v1/me/second-factor",
    tag = "second factor",
    security(("bearer" = [])),
    request_body = Beginning,
    responses(
        (status = 201, description = "Begun", body = Enrolment),
        NotSignedIn,
        (status = 403, description = "`session-required`; `invalid-credentials`: the password is wrong", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "`second-factor-enabled`", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "A field is missing", body = Problem, content_type = "application/problem+json"),
        (status = 429, description = "`too-many-attempts`: wait as long as `Retry-After` says", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "Too many at once", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn begin_second_factor(
    Person(caller): Person,
    from: From,
    State(identity): State<Arc<Identity>>,
    Body(body): Body<Beginning>,
) -> Result<(StatusCode, Once<Enrolment>)> {
    let enrolment = identity
        .begin_second_factor(&from.by(&caller), caller.id, &body.password)
        .await
        .map_err(gone)?;
    let answer = Enrolment {
        secret: enrolment.secret.encode(),
        uri: enrolment.uri,
    };
    Ok((StatusCode::CREATED, once(answer)))
}
