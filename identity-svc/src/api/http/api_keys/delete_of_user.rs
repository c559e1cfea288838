use std::sync::Arc;

use axum::extract::State;
use chassis::{Problem, Result, http::Path};
use http::StatusCode;
use uuid::Uuid;

use crate::{
    api::http::{
        actor::From,
        policy::{Manager, NotManager},
    },
    service::Identity,
};

/// Delete a user's API key.
///
/// Whatever uses it is refused at once.
#[utoipa::path(
    delete,
    path = "/v1/users/{id}/api-keys/{key_id}",
    tag = "api-keys",
    security(("bearer" = [])),
    params(
        ("id" = Uuid, Path, description = "The user's id"),
        ("key_id" = Uuid, Path, description = "The key's id"),
    ),
    responses(
        (status = 204, description = "Deleted"),
        NotManager,
        (status = 404, description = "The user has no such key", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn delete_api_key_of_user(
    Manager { caller, .. }: Manager,
    State(identity): State<Arc<Identity>>,
    Path((user, key)): Path<(Uuid, Uuid)>,
    origin: From,
) -> Result<StatusCode> {
    identity.end_api_key(&origin.by(&caller), user, key).await?;
    Ok(StatusCode::NO_CONTENT)
}
