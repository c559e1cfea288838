use std::sync::Arc;

use axum::{Json, extract::State};
use chassis::{Problem, Result, http::Json as Body};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    api::http::{actor::From, check::Check},
    domain::{Email, Password, PasswordRule, PersonName},
    service::Identity,
};

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Registration {
    /// Upper and lower case are one.
    #[schema(example = "ann@example.com", format = "email", max_length = 254)]
    email: String,
    /// Any characters, as long as they are not guessed easily.
    #[schema(min_length = 15, max_length = 128, format = Password)]
    password: String,
    #[schema(min_length = 1, max_length = 200, example = "Ann Lee")]
    name: String,
}

#[derive(Serialize, ToSchema)]
pub struct Registered {
    /// As it was understood.
    #[schema(example = "ann@example.com", format = "email", max_length = 254)]
    email: String,
    #[schema(example = "Ann Lee")]
    name: String,
}

/// Make an account.
///
/// The address gets a mail with a link to verify it; nothing needs to wait for that. An address that has an account already
/// gets the same answer and another mail, and its account stays as it is.
#[utoipa::path(
    post,
    path = "/v1/auth/register",
    tag = "auth",
    request_body = Registration,
    responses(
        (status = 201, description = "Registered", body = Registered),
        (status = 422, description = "A field is not acceptable", body = Problem, content_type = "application/problem+json"),
        (status = 429, description = "`too-many-attempts`: wait as long as `Retry-After` says", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "Too many at once", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn register(
    from: From,
    State(identity): State<Arc<Identity>>,
    Body(body): Body<Registration>,
) -> Result<(StatusCode, Json<Registered>)> {
    let mut check = Check::default();
    let email = check.field("email", Email::parse(&body.email));
    let password = check.field(
        "password",
        Password::parse(&body.password, PasswordRule::Alone),
    );
    let name = check.field("name", PersonName::parse(&body.name));
    let (email, (password, name)) = check.done(email.zip(password.zip(name)))?;
    let answer = Registered {
        email: email.as_str().to_owned(),
        name: name.as_str().to_owned(),
    };
    identity
        .register(&from.by_visitor(), email, password, name)
        .await?;
    Ok((StatusCode::CREATED, Json(answer)))
}
