use std::sync::Arc;

use axum::{Json, extract::State};
use chassis::{Problem, Result, http::Path};
use uuid::Uuid;

use super::User;
use crate::{
    api::http::policy::{Manager, NotManager},
    service::Identity,
};

/// Get a user.
#[utoipa::path(
    get,
    path = "/v1/users/{id}",
    tag = "users",
    security(("bearer" = [])),
    params(("id" = Uuid, Path, description = "The user's id")),
    responses(
        (status = 200, description = "The user", body = User),
        NotManager,
        (status = 404, description = "No such user", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn get_user(
    _: Manager,
    State(identity): State<Arc<Identity>>,
    Path(id): Path<Uuid>,
) -> Result<Json<User>> {
    Ok(Json(identity.user(id).await?.into()))
}
