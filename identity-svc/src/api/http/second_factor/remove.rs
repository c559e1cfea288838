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

/// Take a user's second factor away.
///
/// For somebody who has lost both the app and the recovery codes: make sure who asks. All sessions of the user end. A
/// password that is too short to guard the account alone goes, too, and the user gets a mail to set another. Without a
/// second factor there is nothing to do.
#[utoipa::path(
    delete,
    path = "/v1/users/{id}/second-factor",
    tag = "second factor",
    security(("bearer" = [])),
    params(("id" = Uuid, Path, description = "The user's id")),
    responses(
        (status = 204, description = "No second factor guards the account"),
        NotManager,
        (status = 404, description = "No such user", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "`own-second-factor`: disable your own by its code", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn remove_second_factor(
    Manager { caller, .. }: Manager,
    from: From,
    State(identity): State<Arc<Identity>>,
    Path(id): Path<Uuid>,
) -> Result<StatusCode> {
    identity.remove_second_factor(&from.by(&caller), id).await?;
    Ok(StatusCode::NO_CONTENT)
}
