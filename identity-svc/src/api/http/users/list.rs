use std::sync::Arc;

use axum::{Json, extract::State};
use chassis::{
    Problem, Result,
    http::{List, Page, Query},
};
use serde::Deserialize;
use utoipa::IntoParams;

use super::User;
use crate::{
    api::http::{
        check::invalid,
        policy::{Manager, NotManager},
    },
    domain::Email,
    service::Identity,
};

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Filter {
    /// Only the user with this address.
    email: Option<String>,
    /// Only users who are disabled, or who are not.
    disabled: Option<bool>,
}

/// List the users, oldest first.
#[utoipa::path(
    get,
    path = "/v1/users",
    tag = "users",
    security(("bearer" = [])),
    params(Page, Filter),
    responses(
        (status = 200, description = "A page", body = List<User>),
        NotManager,
        (status = 422, description = "A parameter is not acceptable", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn list_users(
    _: Manager,
    State(identity): State<Arc<Identity>>,
    Query(page): Query<Page>,
    Query(filter): Query<Filter>,
) -> Result<Json<List<User>>> {
    let limit = page.limit()?;
    let email = filter.email.as_deref().map(Email::parse).transpose();
    let email = email.map_err(invalid("email"))?;
    let users = identity
        .users(email.as_ref(), filter.disabled, page.after()?, limit + 1)
        .await?;
    let list = List::page(users, limit, |user| user.id)?;
    Ok(Json(list.map(User::from)))
}
