use std::sync::Arc;

use axum::{Json, extract::State};
use chassis::{
    Problem, Result,
    http::{Json as Body, Path},
};
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::ServiceAccount;
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
pub struct AccountRoles {
    /// All roles that the account shall hold.
    #[schema(example = json!(["staff"]))]
    roles: Vec<String>,
}

/// Set a service account's roles.
///
/// The account holds these and no others afterwards.
#[utoipa::path(
    put,
    path = "/v1/service-accounts/{id}/roles",
    tag = "service-accounts",
    security(("bearer" = [])),
    params(("id" = Uuid, Path, description = "The account's id")),
    request_body = AccountRoles,
    responses(
        (status = 200, description = "The account, changed", body = ServiceAccount),
        NotManager,
        (status = 404, description = "No such account", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "A role does not exist", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn set_account_roles(
    Manager { caller, .. }: Manager,
    State(identity): State<Arc<Identity>>,
    Path(id): Path<Uuid>,
    origin: From,
    Body(body): Body<AccountRoles>,
) -> Result<Json<ServiceAccount>> {
    let mut check = Check::default();
    let roles = check.each("roles", &body.roles, RoleName::parse);
    let roles = check.done(Some(roles))?;
    let account = identity
        .set_account_roles(&origin.by(&caller), id, &roles)
        .await?;
    Ok(Json(account.into()))
}
