pub mod change_password;
pub mod request_verification;

use std::sync::Arc;

use axum::{Json, extract::State};
use chassis::{
    Code, Error, Problem, Result,
    auth::{Caller, NotSignedIn},
};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{api::http::person::session_required, service::Identity};

/// Who the caller is.
#[derive(Serialize, ToSchema)]
pub struct Me {
    id: Uuid,
    #[schema(example = "ann@example.com", format = "email")]
    email: String,
    name: String,
    /// Whether the mail that goes to the address was seen to be read.
    email_verified: bool,
    #[schema(example = json!(["customer"]))]
    roles: Vec<String>,
    /// What the roles permit together.
    permissions: Vec<String>,
}

/// The signed-in user.
#[utoipa::path(
    get,
    path = "/v1/me",
    operation_id = "get_me",
    tag = "users",
    security(("bearer" = [])),
    responses(
        (status = 200, description = "The caller", body = Me),
        NotSignedIn,
        (status = 403, description = "`session-required`: a service account is nobody", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn me(State(identity): State<Arc<Identity>>, caller: Caller) -> Result<Json<Me>> {
    // A service account is its own client.
    if caller.claims.client_id == caller.id.to_string() {
        return Err(session_required());
    }
    let user = identity.user(caller.id).await.map_err(gone)?;
    Ok(Json(Me {
        id: user.id,
        email: user.email,
        name: user.name,
        email_verified: user.email_verified,
        roles: user.roles,
        permissions: user.permissions,
    }))
}

/// A token may outlive its user.
pub fn gone(error: Error) -> Error {
    match error.code() {
        Code::NotFound => Error::unauthenticated("this account is no more"),
        _ => error,
    }
}
