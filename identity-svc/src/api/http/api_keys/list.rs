use std::sync::Arc;

use axum::{Json, extract::State};
use chassis::{
    Problem, Result,
    http::{List, Page, Query},
};

use super::{ApiKey, page_of};
use crate::{
    api::http::person::{NotAPerson, Person},
    service::Identity,
};

/// List your API keys that are in force, oldest first.
#[utoipa::path(
    get,
    path = "/v1/me/api-keys",
    tag = "api-keys",
    security(("bearer" = [])),
    params(Page),
    responses(
        (status = 200, description = "A page", body = List<ApiKey>),
        NotAPerson,
        (status = 422, description = "A parameter is not acceptable", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn list_api_keys(
    Person(caller): Person,
    State(identity): State<Arc<Identity>>,
    Query(page): Query<Page>,
) -> Result<Json<List<ApiKey>>> {
    page_of(&identity, caller.id, &page).await
}
