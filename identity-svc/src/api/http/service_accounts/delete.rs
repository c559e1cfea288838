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

/// Delete a service account.
///
/// Its access tokens end at once.
#[utoipa::path(
    delete,
    path = "/v1/service-accounts/{id}",
    tag = "service-accounts",
    security(("bearer" = [])),
    params(("id" = Uuid, Path, description = "The account's id")),
    responses(
        (status = 204, description = "Deleted"),
        NotManager,
        (status = 404, description = "No such account", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn delete_service_account(
    Manager { caller, .. }: Manager,
    State(identity): State<Arc<Identity>>,
    Path(id): Path<Uuid>,
    origin: From,
) -> Result<StatusCode> {
    identity
        .delete_service_account(&origin.by(&caller), id)
        .await?;
    Ok(StatusCode::NO_CONTENT)
}
