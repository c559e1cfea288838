use std::sync::Arc;

use axum::extract::State;
use chassis::{
    Result,
    auth::Caller,
    http::{Json, Path},
};
use uuid::Uuid;

use super::policy::{NotOrderOwner, as_owner_or_manager};
use crate::application::{App, HistoryView, queries::GetHistory};

/// See what happened to an order
///
/// Who did what, and when, oldest first: of your own order; with `orders:manage`, of anybody's.
#[utoipa::path(get, path = "/v1/orders/{id}/history", operation_id = "get_order_history", tag = "orders", params(("id" = Uuid, Path, description = "The order's id")), security(("bearer" = [])),
    responses(
        (status = 200, description = "What happened", body = HistoryView),
        NotOrderOwner))]
pub(super) async fn get(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(order_id): Path<Uuid>,
) -> Result<Json<HistoryView>> {
    let history = as_owner_or_manager(&caller, |owner| {
        app.queries
            .get_history
            .handle(GetHistory { order_id, owner })
    });
    Ok(Json(history.await?))
}
