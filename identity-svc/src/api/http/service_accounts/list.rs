use std::sync::Arc;

use axum::{Json, extract::State};
use chassis::{
    Problem, Result,
    http::{List, Page, Query},
};

use super::ServiceAccount;
use crate::{
    api::http::policy::{Manager, NotManager},
    service::Identity,
};

/// List the service accounts, oldest first.
#[utoipa::path(
    get,
    path = "/v1/service-accounts",
    tag = "service-accounts",
    security(("bearer" = [])),
    params(Page),
    responses(
        (status = 200, description = "A page", body = List<ServiceAccount>),
        NotManager,
        (status = 422, description = "A parameter is not acceptable", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn list_service_accounts(
    _: Manager,
    State(identity): State<Arc<Identity>>,
    Query(page): Query<Page>,
) -> Result<Json<List<ServiceAccount>>> {
    let limit = page.limit()?;
    let accounts = identity.service_accounts(page.after()?, limit + 1).await?;
    let list = List::page(accounts, limit, |account| account.id)?;
    Ok(Json(list.map(ServiceAccount::from)))
}
