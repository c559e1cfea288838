//! The REST interface.

mod changes;
mod history;
mod orders;
mod policy;
mod reports;

use std::sync::Arc;

use axum::extract::FromRef;
use chassis::{auth::Auth, http::BearerToken};
use utoipa::OpenApi;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::application::App;

#[derive(Clone, FromRef)]
struct Context {
    app: Arc<App>,
    auth: Auth,
}

#[derive(OpenApi)]
#[openapi(
    info(title = "order-svc", description = "Orders"),
    modifiers(&BearerToken),
    tags(
        (name = "orders", description = "Placing, seeing and cancelling orders"),
        (name = "reports", description = "What orders add up to")
    )
)]
struct Document;

fn routes() -> OpenApiRouter<Context> {
    OpenApiRouter::with_openapi(Document::openapi())
        .routes(routes!(orders::list, orders::create))
        .routes(routes!(orders::quote))
        .routes(routes!(orders::get, changes::update))
        .routes(routes!(history::get))
        .routes(routes!(changes::apply_incentive))
        .routes(routes!(changes::cancel))
        .routes(routes!(changes::ship))
        .routes(routes!(changes::deliver))
        .routes(routes!(changes::return_lines))
        .routes(routes!(reports::sales))
        .routes(routes!(reports::incentive_usage))
        .routes(routes!(reports::customers))
        .routes(routes!(reports::customer))
}

/// The routes and their document.
pub fn router(app: Arc<App>, auth: Auth) -> (axum::Router, utoipa::openapi::OpenApi) {
    let (router, openapi) = routes().split_for_parts();
    (router.with_state(Context { app, auth }), openapi)
}

/// The document alone.
#[must_use]
pub fn openapi() -> utoipa::openapi::OpenApi {
    routes().split_for_parts().1
}
