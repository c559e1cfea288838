use std::sync::Arc;

use axum::{Json, extract::State};
use chassis::{Problem, Result, http::Path};
use uuid::Uuid;

use super::ServiceAccount;
use crate::{
    api::http::policy::{Manager, NotManager},
    service::Identity,
};

/// Get a service account.
#[utoipa::path(
    get,
    path = "/v1/service-accounts/{id}",
    tag = "service-accounts",
    security(("bearer" = [])),
    params(("id" = Uuid, Path, description = "The account's id")),
    responses(
        (status = 200, description = "The account", body = ServiceAccount),
        NotManager,
        (status = 404, description = "No such account", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn get_service_account(
    _: Manager,
    State(identity): State<Arc<Identity>>,
    Path(id): Path<Uuid>,
) -> Result<Json<ServiceAccount>> {
    Ok(Json(identity.service_account(id).await?.into()))
}
