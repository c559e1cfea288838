use std::sync::Arc;

use axum::{Json, extract::State};
use chassis::{
    Problem, Result,
    auth::Caller,
    http::{List, Page, Query},
};

use super::{Session, page_of};
use crate::service::Identity;

/// List where you are signed in, newest first.
#[utoipa::path(
    get,
    path = "/v1/me/sessions",
    tag = "sessions",
    security(("bearer" = [])),
    params(Page),
    responses(
        (status = 200, description = "A page", body = List<Session>),
        (status = 401, description = "Not signed in", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "A parameter is not acceptable", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn list_own_sessions(
    caller: Caller,
    State(identity): State<Arc<Identity>>,
    Query(page): Query<Page>,
) -> Result<Json<List<Session>>> {
    Ok(Json(page_of(&identity, caller.id, &page, &caller).await?))
}
