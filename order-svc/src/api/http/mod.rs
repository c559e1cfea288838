//! The REST interface.

mod changes;
mod history;
mod orders;
mod reports;

use std::sync::Arc;

use axum::extract::FromRef;
use chassis::{
    Code, Result,
    auth::{Auth, Caller, Permission},
    http::BearerToken,
};
use utoipa::OpenApi;
use utoipa_axum::{router::OpenApiRouter, routes};
use uuid::Uuid;

use crate::application::App;

/// Seeing and changing everybody's orders.
const ORDERS_MANAGE: &str = OrdersManage::NAME;

struct OrdersManage;

impl Permission for OrdersManage {
    const NAME: &'static str = "orders:manage";
}

/// Seeing what all orders add up to.
struct ReportsRead;

impl Permission for ReportsRead {
    const NAME: &'static str = "reports:read";
}

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

/// First as the owner; only who asks for another's order costs the question whether they may.
async fn as_owner_or_manager<T, F: Future<Output = Result<T>>>(
    caller: &Caller,
    change: impl Fn(Option<Uuid>) -> F,
) -> Result<T> {
    match change(Some(caller.id)).await {
        Err(error) if error.code() == Code::NotFound && caller.may(ORDERS_MANAGE).await? => {
            change(None).await
        }
        outcome => outcome,
    }
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
