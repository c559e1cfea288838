use std::sync::Arc;

use axum::{Json, extract::State};
use chassis::{
    Problem, Result,
    http::{List, Page, Query},
};

use super::{Session, page_of};
use crate::api::http::person::{NotAPerson, Person};
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
        NotAPerson,
        (status = 422, description = "A parameter is not acceptable", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn list_own_sessions(
    Person(caller): Person,
    State(identity): State<Arc<Identity>>,
    Query(page): Query<Page>,
) -> Result<Json<List<Session>>> {
    Ok(Json(page_of(&identity, caller.id, &page, &caller).await?))
}
