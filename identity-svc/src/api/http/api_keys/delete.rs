use std::sync::Arc;

use axum::extract::State;
use chassis::{Problem, Result, http::Path};
use http::StatusCode;
use uuid::Uuid;

use crate::{
    api::http::{
        actor::From,
        person::{NotAPerson, Person},
    },
    service::Identity,
};

/// Delete an API key of yours.
///
/// Whatever uses it is refused at once.
#[utoipa::path(
    delete,
    path = "/v1/me/api-keys/{id}",
    tag = "api-keys",
    security(("bearer" = [])),
    params(("id" = Uuid, Path, description = "The key's id")),
    responses(
        (status = 204, description = "Deleted"),
        NotAPerson,
        (status = 404, description = "You have no such key", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn delete_api_key(
    Person(caller): Person,
    State(identity): State<Arc<Identity>>,
    Path(id): Path<Uuid>,
    origin: From,
) -> Result<StatusCode> {
    identity
        .end_api_key(&origin.by(&caller), caller.id, id)
        .await?;
    Ok(StatusCode::NO_CONTENT)
}
