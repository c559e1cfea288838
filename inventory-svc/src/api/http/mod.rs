//! The REST interface.

mod code_batches;
mod discount_codes;
mod import;
mod loyalty;
mod policy;
mod products;
mod stock;

use std::sync::Arc;

use axum::extract::{DefaultBodyLimit, FromRef};
use chassis::{auth::Auth, http::BearerToken};
use utoipa::OpenApi;
use utoipa_axum::{
    router::{OpenApiRouter, UtoipaMethodRouterExt as _},
    routes,
};

use crate::application::App;

#[derive(Clone, FromRef)]
struct Context {
    app: Arc<App>,
    auth: Auth,
}

#[derive(OpenApi)]
#[openapi(
    info(title = "inventory-svc", description = "Products, stock, discount codes and loyalty points"),
    modifiers(&BearerToken),
    tags(
        (name = "products", description = "The catalogue"),
        (name = "discount codes", description = "What takes something off an order"),
        (name = "stock", description = "What there is of each product"),
        (name = "loyalty", description = "The customers' points"),
    )
)]
struct Document;

fn routes() -> OpenApiRouter<Context> {
    OpenApiRouter::with_openapi(Document::openapi())
        .routes(routes!(products::list, products::create))
        .routes(routes!(products::get, products::change, products::remove))
        .routes(routes!(import::import).layer(DefaultBodyLimit::max(import::MAX_BYTES)))
        .routes(routes!(stock::get))
        .routes(routes!(stock::book))
        .routes(routes!(discount_codes::list, discount_codes::create))
        .routes(routes!(
            discount_codes::get,
            discount_codes::change,
            discount_codes::remove
        ))
        .routes(routes!(code_batches::list, code_batches::create))
        .routes(routes!(code_batches::get))
        .routes(routes!(code_batches::export))
        .routes(routes!(loyalty::own))
        .routes(routes!(loyalty::get))
        .routes(routes!(loyalty::adjust))
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
