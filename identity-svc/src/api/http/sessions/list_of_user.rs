use std::sync::Arc;

use axum::{Json, extract::State};
use chassis::{
    Problem, Result,
    http::{List, Page, Path, Query},
};
use uuid::Uuid;

use super::{Session, page_of};
use crate::{
    api::http::policy::{Manager, NotManager},
    service::Identity,
};

/// List where a user is signed in, newest first.
#[utoipa::path(
    get,
    path = "/v1/users/{id}/sessions",
    tag = "sessions",
    security(("bearer" = [])),
    params(("id" = Uuid, Path, description = "The user's id"), Page),
    responses(
        (status = 200, description = "A page", body = List<Session>),
        NotManager,
        (status = 404, description = "No such user", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "A parameter is not acceptable", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn list_user_sessions(
    Manager { caller, .. }: Manager,
    State(identity): State<Arc<Identity>>,
    Path(id): Path<Uuid>,
    Query(page): Query<Page>,
) -> Result<Json<List<Session>>> {
    Ok(Json(page_of(&identity, id, &page, &caller).await?))
}
