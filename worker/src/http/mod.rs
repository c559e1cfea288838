//! The REST interface.

mod errors;
mod jobs;
mod policy;

use axum::extract::FromRef;
use chassis::{auth::Auth, http::BearerToken};
use serde::{Deserialize as _, Deserializer, de::Error as _};
use sqlx::PgPool;
use utoipa::{OpenApi as _, openapi::OpenApi};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::console;

#[derive(Clone, FromRef)]
struct Context {
    pool: PgPool,
    auth: Auth,
}

#[derive(utoipa::OpenApi)]
#[openapi(
    info(
        title = "EasyOrder: worker",
        description = "Background jobs, and the errors that the services log."
    ),
    tags(
        (name = "jobs", description = "Background jobs: what waits, runs, failed, and why"),
        (name = "errors", description = "What the services logged at ERROR"),
    ),
    modifiers(&BearerToken)
)]
struct Document;

/// Every operation there is.
fn operations() -> OpenApiRouter<Context> {
    OpenApiRouter::with_openapi(Document::openapi())
        .routes(routes!(jobs::list::list_jobs))
        .routes(routes!(jobs::summary::summarize_jobs))
        .routes(routes!(jobs::get::get_job, jobs::delete::delete_job))
        .routes(routes!(jobs::retry::retry_job))
        .routes(routes!(errors::list_errors))
}

/// The routes and their description.
pub fn router(pool: PgPool, auth: Auth) -> (axum::Router, OpenApi) {
    let (router, openapi) = operations()
        .with_state(Context { pool, auth })
        .split_for_parts();
    (router.merge(console::routes()), openapi)
}

/// The description of the REST interface.
#[must_use]
pub fn openapi() -> OpenApi {
    operations().into_openapi()
}

/// A word to filter by. Control characters are refused: PostgreSQL takes no NUL.
fn plain<'de, D: Deserializer<'de>>(value: D) -> Result<Option<String>, D::Error> {
    let word = Option::<String>::deserialize(value)?;
    if word
        .as_deref()
        .is_some_and(|word| word.contains(char::is_control))
    {
        return Err(D::Error::custom("must not contain control characters"));
    }
    Ok(word)
}
