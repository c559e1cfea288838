use std::sync::Arc;

use axum::{extract::State, response::IntoResponse};
use chassis::{
    Problem, Result,
    auth::{NotPermitted, Permitted},
    http::{Json, List, Page, Path, Query},
    idempotency::{IdempotencyKey, Once},
};
use chrono::{DateTime, Utc};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::{policy::StockManage, products::sku};
use crate::{
    application::{
        App,
        commands::BookMovement,
        ports::{MovementView, StockLevels},
        queries::GetStock,
    },
    domain::ManualMovement,
};

/// Pieces.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = StockLevels)]
pub(super) struct Levels {
    on_hand: i64,
    /// Held for orders.
    reserved: i64,
    /// What can be sold now.
    available: i64,
}

impl From<StockLevels> for Levels {
    fn from(levels: StockLevels) -> Self {
        let StockLevels {
            on_hand,
            reserved,
            available,
        } = levels;
        Self {
            on_hand,
            reserved,
            available,
        }
    }
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Stock)]
pub(super) struct StockBody {
    #[serde(flatten)]
    levels: Levels,
    /// At this many to sell, or fewer, `inventory.stock_low` is said; null: never.
    low_threshold: Option<i64>,
    /// How many may be sold beyond what is on hand.
    backorder_limit: i64,
    /// Newest first.
    movements: List<Movement>,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = StockMovement)]
pub(super) struct Movement {
    id: i64,
    /// receipt, adjustment, reservation, release, sale or return.
    kind: String,
    /// By how much `on_hand` changed.
    on_hand_delta: i64,
    /// By how much `reserved` changed.
    reserved_delta: i64,
    order_id: Option<Uuid>,
    reason: Option<String>,
    /// Who booked it; null for the system.
    actor: Option<Uuid>,
    at: DateTime<Utc>,
}

impl From<MovementView> for Movement {
    fn from(view: MovementView) -> Self {
        Self {
            id: view.id,
            kind: view.kind,
            on_hand_delta: view.on_hand_delta,
            reserved_delta: view.reserved_delta,
            order_id: view.order_id,
            reason: view.reason,
            actor: view.actor,
            at: view.at,
        }
    }
}

#[derive(Debug, Clone, Copy, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = ManualMovementKind)]
pub(super) enum Kind {
    /// Goods came in.
    Receipt,
    /// A count is corrected, up or down.
    Adjustment,
}

#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewMovement {
    kind: Kind,
    /// Pieces, not zero; an adjustment may be negative.
    #[schema(example = 100, minimum = -1_000_000_000, maximum = 1_000_000_000)]
    quantity: i64,
    /// At most 500 characters.
    #[schema(example = "delivery note 4711", max_length = 500)]
    reason: Option<String>,
}

/// See the stock of a product
///
/// `movements` is a page: pass its `next` as `after`.
#[utoipa::path(get, path = "/v1/products/{sku}/stock", operation_id = "get_stock", tag = "stock", security(("bearer" = [])),
    params(("sku" = String, Path, description = "The product's SKU"), Page),
    responses((status = 200, description = "The levels and how they came about", body = StockBody), NotPermitted<StockManage>,
        (status = 404, description = "No product has this SKU", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn get(
    State(app): State<Arc<App>>,
    _: Permitted<StockManage>,
    Path(text): Path<String>,
    Query(page): Query<Page>,
) -> Result<Json<StockBody>> {
    let report = app
        .queries
        .get_stock
        .handle(GetStock {
            sku: sku(&text)?,
            page,
        })
        .await?;
    Ok(Json(StockBody {
        low_threshold: report.levels.low_threshold,
        backorder_limit: report.levels.backorder_limit,
        levels: StockLevels::from(report.levels).into(),
        movements: report.movements.map(Movement::from),
    }))
}

/// Book a stock movement
///
/// Send an `Idempotency-Key`, so that a retry books nothing twice.
#[utoipa::path(post, path = "/v1/products/{sku}/stock-movements", operation_id = "book_stock_movement", tag = "stock", request_body = NewMovement,
    security(("bearer" = [])), params(("sku" = String, Path, description = "The product's SKU"), ("Idempotency-Key" = Option<String>, Header)),
    responses((status = 201, description = "The levels after the movement", body = Levels), NotPermitted<StockManage>,
        (status = 404, description = "No product has this SKU", body = Problem, content_type = "application/problem+json"), (status = 422, description = "A field is not acceptable", body = Problem, content_type = "application/problem+json"),
        (status = 409, body = Problem, content_type = "application/problem+json", description = "`stock-is-reserved`: the adjustment would leave less than orders hold")))]
pub(super) async fn book(
    State(app): State<Arc<App>>,
    Permitted { caller, .. }: Permitted<StockManage>,
    Path(text): Path<String>,
    key: Option<IdempotencyKey>,
    Json(body): Json<NewMovement>,
) -> Result<impl IntoResponse> {
    let once = key
        .map(|key| Once::new(caller.id, key, "book_movement", &(&text, &body)))
        .transpose()?;
    let movement = match body.kind {
        Kind::Receipt => ManualMovement::receipt(body.quantity, body.reason)?,
        Kind::Adjustment => ManualMovement::adjustment(body.quantity, body.reason)?,
    };
    let command = BookMovement {
        sku: sku(&text)?,
        movement,
        actor: caller.id,
        once,
    };
    let answer = app.commands.book_movement.handle(command).await?;
    Ok(answer.map(|levels| (StatusCode::CREATED, Json(Levels::from(levels)))))
}
