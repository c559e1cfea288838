use std::{collections::BTreeSet, sync::Arc};

use axum::{Json, extract::State};
use chassis::{
    Error, Problem, Result,
    http::{Json as Body, Path},
};
use serde::Deserialize;
use utoipa::ToSchema;

use super::Role;
use crate::{
    api::http::{
        actor::From,
        check::Check,
        policy::{Manager, NotManager},
    },
    domain::{Invalid, Permission, RoleDefinition, RoleName},
    service::Identity,
};

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RoleChange {
    /// May be left out; a role keeps its name.
    #[schema(example = "night-shift")]
    name: Option<String>,
    /// All that the role shall permit.
    #[schema(example = json!(["orders:manage", "reports:read"]))]
    permissions: Vec<String>,
}

/// Change what a role permits.
///
/// `admin` always permits `users:manage`.
#[utoipa::path(
    put,
    path = "/v1/roles/{name}",
    tag = "roles",
    security(("bearer" = [])),
    params(("name" = String, Path, description = "The role's name")),
    request_body = RoleChange,
    responses(
        (status = 200, description = "The role, changed", body = Role),
        NotManager,
        (status = 404, description = "No such role", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "`built-in-role`", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "A field is not acceptable", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn replace_role(
    Manager { caller, .. }: Manager,
    from: From,
    State(identity): State<Arc<Identity>>,
    Path(name): Path<String>,
    Body(body): Body<RoleChange>,
) -> Result<Json<Role>> {
    let role = RoleName::parse(&name).map_err(|_| Error::not_found("there is no such role"))?;
    let mut check = Check::default();
    if body.name.is_some_and(|other| other != name) {
        check.field::<()>("name", Err(Invalid("a role keeps its name".to_owned())));
    }
    let permissions = check.each("permissions", &body.permissions, Permission::parse);
    let permissions = check.done(Some(permissions))?;
    let definition = RoleDefinition::new(role, BTreeSet::from_iter(permissions))?;
    let role = identity.change_role(&from.by(&caller), definition).await?;
    Ok(Json(role.into()))
}
