use std::{collections::BTreeSet, sync::Arc};

use axum::{Json, extract::State};
use chassis::{
    Problem, Result,
    http::Json as Body,
    idempotency::{Answer, IdempotencyKey},
};
use http::StatusCode;
use serde::Deserialize;
use utoipa::ToSchema;

use super::Role;
use crate::{
    api::http::{
        actor::From,
        check::Check,
        policy::{Manager, NotManager},
    },
    domain::{Permission, RoleDefinition, RoleName},
    service::Identity,
};

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewRole {
    /// A lower-case letter, then lower-case letters, digits, `_` or `-`.
    #[schema(
        max_length = 50,
        pattern = "^[a-z][a-z0-9_-]{0,49}$",
        example = "night-shift"
    )]
    name: String,
    #[schema(example = json!(["orders:manage", "reports:read"]))]
    permissions: Vec<String>,
}

/// Make a role.
#[utoipa::path(
    post,
    path = "/v1/roles",
    tag = "roles",
    security(("bearer" = [])),
    params(("Idempotency-Key" = Option<String>, Header, description = "The same request with the same key gets the same answer")),
    request_body = NewRole,
    responses(
        (status = 201, description = "The role", body = Role),
        NotManager,
        (status = 409, description = "`role-exists`", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "A field is not acceptable", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn create_role(
    Manager { caller, .. }: Manager,
    from: From,
    State(identity): State<Arc<Identity>>,
    key: Option<IdempotencyKey>,
    Body(body): Body<NewRole>,
) -> Result<Answer<(StatusCode, Json<Role>)>> {
    let mut check = Check::default();
    let name = check.field("name", RoleName::parse(&body.name));
    let permissions = check.each("permissions", &body.permissions, Permission::parse);
    let name = check.done(name)?;
    let definition = RoleDefinition::new(name, BTreeSet::from_iter(permissions))?;
    let actor = from.by(&caller);
    let answer = identity
        .add_role(&actor, definition, caller.id, key)
        .await?;
    Ok(answer.map(|role| (StatusCode::CREATED, Json(role.into()))))
}
