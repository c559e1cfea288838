use std::sync::Arc;

use axum::{Json, extract::State};
use chassis::{Problem, Result, http::Json as Body};
use http::{HeaderName, StatusCode, header};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{
    api::http::{
        actor::From,
        check::Check,
        policy::{Manager, NotManager},
    },
    domain::{AccountName, RoleName, account_secret},
    service::Identity,
};

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewServiceAccount {
    /// A lower-case letter, then lower-case letters, digits, `_` or `-`.
    #[schema(max_length = 50, pattern = "^[a-z][a-z0-9_-]{0,49}$", example = "till")]
    name: String,
    #[schema(example = json!(["staff"]))]
    roles: Vec<String>,
}

/// A new account, with what it proves itself by.
#[derive(Serialize, ToSchema)]
pub struct ServiceAccountMade {
    id: Uuid,
    #[schema(example = "till")]
    name: String,
    #[schema(example = json!(["staff"]))]
    roles: Vec<String>,
    /// For `POST /v1/auth/token`.
    client_id: Uuid,
    /// Nobody can see it again.
    client_secret: String,
}

/// Make a service account.
///
/// The secret is shown once. So a request that is sent twice is not answered the same: it finds the name taken. Whoever lost the
/// answer adds a secret, and deletes the one that nobody has.
#[utoipa::path(
    post,
    path = "/v1/service-accounts",
    tag = "service-accounts",
    security(("bearer" = [])),
    request_body = NewServiceAccount,
    responses(
        (status = 201, description = "The account and its secret", body = ServiceAccountMade),
        NotManager,
        (status = 409, description = "`account-exists`", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "A field is not acceptable", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn create_service_account(
    Manager { caller, .. }: Manager,
    State(identity): State<Arc<Identity>>,
    origin: From,
    Body(body): Body<NewServiceAccount>,
) -> Result<(
    StatusCode,
    [(HeaderName, &'static str); 1],
    Json<ServiceAccountMade>,
)> {
    let mut check = Check::default();
    let name = check.field("name", AccountName::parse(&body.name));
    let roles = check.each("roles", &body.roles, RoleName::parse);
    let name = check.done(name)?;
    let (account, secret) = identity
        .add_service_account(&origin.by(&caller), &name, &roles)
        .await?;
    let made = ServiceAccountMade {
        id: account.id,
        name: account.name,
        roles: account.roles,
        client_id: account.id,
        client_secret: account_secret(&secret),
    };
    let no_store = [(header::CACHE_CONTROL, "no-store")];
    Ok((StatusCode::CREATED, no_store, Json(made)))
}
