use std::sync::Arc;

use axum::{Json, extract::State};
use chassis::{
    Problem, Result,
    http::{Json as Body, Path},
};
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::User;
use crate::{
    api::http::{
        actor::From,
        check::invalid,
        policy::{Manager, NotManager},
    },
    domain::Reason,
    service::Identity,
};

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Disabling {
    /// For the audit log.
    #[schema(min_length = 1, max_length = 500, example = "the account was stolen")]
    reason: String,
}

/// Disable a user.
///
/// All sessions end, and with them their access tokens. Until the user is enabled again, nobody signs in as this user, and
/// no role permits anything. Disabling twice changes nothing. The last administrator who is not disabled cannot be.
#[utoipa::path(
    post,
    path = "/v1/users/{id}/disable",
    tag = "users",
    security(("bearer" = [])),
    params(("id" = Uuid, Path, description = "The user's id")),
    request_body = Disabling,
    responses(
        (status = 200, description = "The user, disabled", body = User),
        NotManager,
        (status = 404, description = "No such user", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "`last-administrator`", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "The reason is not acceptable", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn disable_user(
    Manager { caller, .. }: Manager,
    from: From,
    State(identity): State<Arc<Identity>>,
    Path(id): Path<Uuid>,
    Body(body): Body<Disabling>,
) -> Result<Json<User>> {
    let reason = Reason::parse(&body.reason).map_err(invalid("reason"))?;
    let user = identity
        .disable_user(&from.by(&caller), id, &reason)
        .await?;
    Ok(Json(user.into()))
}
