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

/// Delete a secret of a service account.
///
/// Access tokens that were issued for it end at once.
#[utoipa::path(
    delete,
    path = "/v1/service-accounts/{id}/secrets/{secret_id}",
    tag = "service-accounts",
    security(("bearer" = [])),
    params(
        ("id" = Uuid, Path, description = "The account's id"),
        ("secret_id" = Uuid, Path, description = "The secret's id"),
    ),
    responses(
        (status = 204, description = "Deleted"),
        NotManager,
        (status = 404, description = "No such account or secret", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn delete_account_secret(
    Manager { caller, .. }: Manager,
    State(identity): State<Arc<Identity>>,
    Path((id, secret)): Path<(Uuid, Uuid)>,
    origin: From,
) -> Result<StatusCode> {
    identity
        .end_account_secret(&origin.by(&caller), id, secret)
        .await?;
    Ok(StatusCode::NO_CONTENT)
}
