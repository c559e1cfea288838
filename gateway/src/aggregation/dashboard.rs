//! What a customer sees first.

use axum::{
    Json,
    response::{IntoResponse as _, Response},
};
use chassis::{Error, Result};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::Asker;
use crate::gate::Caller;

/// So many of the latest orders.
const ORDERS: usize = 5;

/// The caller's latest orders and their points.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Dashboard {
    /// The latest five, as `GET /v1/orders` has them; null if they cannot be had now.
    #[schema(value_type = Option<Object>)]
    orders: Option<Value>,
    /// Null if they cannot be had now.
    points: Option<Points>,
}

#[derive(Debug, Serialize, ToSchema)]
struct Points {
    /// What can be redeemed now.
    #[schema(value_type = i64, example = 120)]
    balance: Value,
    /// Earned, and not to be redeemed yet.
    #[schema(value_type = i64, example = 35)]
    pending: Value,
}

/// The caller's latest orders and points
///
/// In one call. A part that cannot be had for a moment is null.
#[utoipa::path(get, path = "/v1/dashboard", operation_id = "dashboard", tag = "gateway", security(("bearer" = [])),
    responses(
        (status = 200, description = "Orders and points", body = Dashboard),
        chassis::auth::NotSignedIn,
        (status = 503, description = "Neither can be had now", body = chassis::Problem, content_type = "application/problem+json")))]
pub(crate) async fn dashboard(asker: &Asker<'_>, caller: &Caller) -> Result<Response> {
    let customer = caller.claims()?.sub;
    let path = format!("/v1/orders?customer_id={customer}&limit={ORDERS}");
    let (orders, loyalty) = tokio::join!(
        asker.get("/v1/orders", &path),
        asker.get("/v1/loyalty", "/v1/loyalty?limit=1")
    );
    let (orders, mut loyalty) = match (orders, loyalty) {
        (Err(refused), _) | (_, Err(refused)) => return Ok(*refused),
        (Ok(None), Ok(None)) => {
            return Err(Error::unavailable(anyhow::anyhow!(
                "neither orders nor points can be had"
            )));
        }
        (Ok(orders), Ok(loyalty)) => (orders, loyalty),
    };
    let points = loyalty.as_mut().map(|loyalty| Points {
        balance: loyalty["balance"].take(),
        pending: loyalty["pending"].take(),
    });
    Ok(Json(Dashboard { orders, points }).into_response())
}
