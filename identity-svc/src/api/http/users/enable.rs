use std::sync::Arc;

use axum::{Json, extract::State};
use chassis::{Problem, Result, http::Path};
use uuid::Uuid;

use super::User;
use crate::{
    api::http::{
        actor::From,
        policy::{Manager, NotManager},
    },
    service::Identity,
};

/// Enable a user who was disabled.
///
/// The user may sign in again, and has the roles held before. The sessions that ended stay so. Enabling twice changes
/// nothing.
#[utoipa::path(
    post,
    path = "/v1/users/{id}/enable",
    tag = "users",
    security(("bearer" = [])),
    params(("id" = Uuid, Path, description = "The user's id")),
    responses(
        (status = 200, description = "The user, enabled", body = User),
        NotManager,
        (status = 404, description = "No such user", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn enable_user(
    Manager { caller, .. }: Manager,
    from: From,
    State(identity): State<Arc<Identity>>,
    Path(id): Path<Uuid>,
) -> Result<Json<User>> {
    let user = identity.enable_user(&from.by(&caller), id).await?;
    Ok(Json(user.into()))
}
