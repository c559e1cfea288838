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
    domain::Ending,
    service::Identity,
};

/// End all sessions of a user.
///
/// Their access tokens end with them. The user may sign in again; to prevent that, disable the user.
#[utoipa::path(
    delete,
    path = "/v1/users/{id}/sessions",
    tag = "sessions",
    security(("bearer" = [])),
    params(("id" = Uuid, Path, description = "The user's id")),
    responses(
        (status = 204, description = "Ended"),
        NotManager,
        (status = 404, description = "No such user", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn end_user_sessions(
    Manager { caller, .. }: Manager,
    from: From,
    State(identity): State<Arc<Identity>>,
    Path(id): Path<Uuid>,
) -> Result<StatusCode> {
    let actor = from.by(&caller);
    identity
        .end_sessions(&actor, id, None, Ending::ByManager)
        .await?;
    Ok(StatusCode::NO_CONTENT)
}
