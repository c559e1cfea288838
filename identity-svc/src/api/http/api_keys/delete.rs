use std::sync::Arc;

use axum::extract::State;
use chassis::{Problem, Result, http::Path};
use http::StatusCode;
use uuid::Uuid;

use crate::{
    api::http::{actor::From, person::Person},
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
        (status = 401, description = "Not signed in", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "`session-required`: only a person may do this", body = Problem, content_type = "application/problem+json"),
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
