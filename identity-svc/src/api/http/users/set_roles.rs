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
        check::Check,
        policy::{Manager, NotManager},
    },
    domain::RoleName,
    service::Identity,
};

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UserRoles {
    /// All roles that the user shall hold.
    #[schema(example = json!(["customer", "staff"]))]
    roles: Vec<String>,
}

/// Set a user's roles.
///
/// The user holds these and no others afterwards. The last administrator who is not disabled
/// cannot lose the role.
#[utoipa::path(
    put,
    path = "/v1/users/{id}/roles",
    tag = "users",
    security(("bearer" = [])),
    params(("id" = Uuid, Path, description = "The user's id")),
    request_body = UserRoles,
    responses(
        (status = 200, description = "The user, changed", body = User),
        NotManager,
        (status = 404, description = "No such user", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "`last-administrator`", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "A role does not exist", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn set_user_roles(
    Manager { caller, .. }: Manager,
    from: From,
    State(identity): State<Arc<Identity>>,
    Path(id): Path<Uuid>,
    Body(body): Body<UserRoles>,
) -> Result<Json<User>> {
    let mut check = Check::default();
    let roles = check.each("roles", &body.roles, RoleName::parse);
    let roles = check.done(Some(roles))?;
    let user = identity
        .set_user_roles(&from.by(&caller), id, &roles)
        .await?;
    Ok(Json(user.into()))
}
