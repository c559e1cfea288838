use std::sync::Arc;

use axum::extract::State;
use chassis::{Problem, Result, http::Path};
use http::StatusCode;
use uuid::Uuid;

use crate::api::http::person::{NotAPerson, Person};
use crate::{api::http::actor::From, service::Identity};

/// End one of your sessions.
///
/// Its access tokens end with it. One that is over already is no error.
#[utoipa::path(
    delete,
    path = "/v1/me/sessions/{id}",
    tag = "sessions",
    security(("bearer" = [])),
    params(("id" = Uuid, Path, description = "The session's id")),
    responses(
        (status = 204, description = "Ended"),
        NotAPerson,
        (status = 404, description = "No session of yours", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn end_session(
    Person(caller): Person,
    from: From,
    State(identity): State<Arc<Identity>>,
    Path(id): Path<Uuid>,
) -> Result<StatusCode> {
    identity
        .end_session(&from.by(&caller), caller.id, id)
        .await?;
    Ok(StatusCode::NO_CONTENT)
}
