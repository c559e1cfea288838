use std::sync::Arc;

use axum::extract::State;
use chassis::{Problem, Result, http::Query};
use http::StatusCode;
use serde::Deserialize;
use utoipa::IntoParams;

use crate::api::http::person::{NotAPerson, Person};
use crate::{api::http::actor::From, domain::Ending, service::Identity};

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Which {
    /// Whether the session of this request goes on.
    #[serde(default)]
    #[param(default = false)]
    keep_current: bool,
}

/// End all your sessions.
///
/// Their access tokens end with them.
#[utoipa::path(
    delete,
    path = "/v1/me/sessions",
    tag = "sessions",
    security(("bearer" = [])),
    params(Which),
    responses(
        (status = 204, description = "Ended"),
        NotAPerson,
        (status = 422, description = "A parameter is not acceptable", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn end_own_sessions(
    Person(caller): Person,
    from: From,
    State(identity): State<Arc<Identity>>,
    Query(which): Query<Which>,
) -> Result<StatusCode> {
    let kept = caller.claims.sid.filter(|_| which.keep_current);
    let actor = from.by(&caller);
    identity
        .end_sessions(&actor, caller.id, kept, Ending::ByOwner)
        .await?;
    Ok(StatusCode::NO_CONTENT)
}
