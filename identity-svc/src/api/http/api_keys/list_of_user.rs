use std::sync::Arc;

use axum::{Json, extract::State};
use chassis::{
    Problem, Result,
    http::{List, Page, Path, Query},
};
use uuid::Uuid;

use super::{ApiKey, page_of};
use crate::{
    api::http::policy::{Manager, NotManager},
    service::Identity,
};

/// List a user's API keys that are in force, oldest first.
#[utoipa::path(
    get,
    path = "/v1/users/{id}/api-keys",
    tag = "api-keys",
    security(("bearer" = [])),
    params(("id" = Uuid, Path, description = "The user's id"), Page),
    responses(
        (status = 200, description = "A page", body = List<ApiKey>),
        NotManager,
        (status = 404, description = "No such user", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "A parameter is not acceptable", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn list_api_keys_of_user(
    _: Manager,
    State(identity): State<Arc<Identity>>,
    Path(user): Path<Uuid>,
    Query(page): Query<Page>,
) -> Result<Json<List<ApiKey>>> {
    let user = identity.user(user).await?;
    page_of(&identity, user.id, &page).await
}
