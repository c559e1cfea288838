use std::sync::Arc;

use axum::extract::State;
use chassis::{Problem, Result, http::Path};
use http::StatusCode;

use crate::{
    api::http::{
        actor::From,
        policy::{Manager, NotManager},
    },
    service::Identity,
};

/// Delete a role that nobody holds.
#[utoipa::path(
    delete,
    path = "/v1/roles/{name}",
    tag = "roles",
    security(("bearer" = [])),
    params(("name" = String, Path, description = "The role's name")),
    responses(
        (status = 204, description = "Deleted"),
        NotManager,
        (status = 404, description = "No such role", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "`built-in-role`, `role-in-use`", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn delete_role(
    Manager { caller, .. }: Manager,
    from: From,
    State(identity): State<Arc<Identity>>,
    Path(name): Path<String>,
) -> Result<StatusCode> {
    identity.delete_role(&from.by(&caller), &name).await?;
    Ok(StatusCode::NO_CONTENT)
}
