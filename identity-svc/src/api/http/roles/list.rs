use std::sync::Arc;

use axum::{Json, extract::State};
use chassis::{
    Problem, Result,
    http::{List, Page, Query},
};

use super::Role;
use crate::{
    api::http::{
        check::invalid,
        policy::{Manager, NotManager},
    },
    domain::RoleName,
    service::Identity,
};

/// List the roles, by name.
#[utoipa::path(
    get,
    path = "/v1/roles",
    tag = "roles",
    security(("bearer" = [])),
    params(Page),
    responses(
        (status = 200, description = "A page", body = List<Role>),
        NotManager,
        (status = 422, description = "A parameter is not acceptable", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn list_roles(
    _: Manager,
    State(identity): State<Arc<Identity>>,
    Query(page): Query<Page>,
) -> Result<Json<List<Role>>> {
    let limit = page.limit()?;
    let after = page.after::<String>()?;
    let after = after.map(|name| RoleName::parse(&name)).transpose();
    let after = after.map_err(invalid("after"))?;
    let roles = identity.roles(after.as_ref(), limit + 1).await?;
    let list = List::page(roles, limit, |role| role.name.clone())?;
    Ok(Json(list.map(Role::from)))
}
