use std::sync::Arc;

use axum::{extract::State, response::IntoResponse};
use chassis::{
    Problem, Result,
    auth::{Caller, NotPermitted, NotSignedIn, Permitted},
    http::{Json, List, Page, Path, Query},
    idempotency::{IdempotencyKey, Once},
};
use chrono::{DateTime, Utc};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::policy::IncentivesManage;
use crate::{
    application::{
        App,
        commands::AdjustPoints,
        ports::{PointsEntryView, PointsView},
        queries::GetLoyalty,
    },
    domain::Adjustment,
};

/// What a customer has.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Points {
    /// Points that can be spent now.
    #[schema(example = 120)]
    balance: i64,
    /// Earned by orders that are not delivered yet.
    pending: i64,
    /// Taken by orders that are being placed.
    held: i64,
    /// Of what the balance consists, soonest to expire first; at most 100.
    lots: Vec<PointsLot>,
}

#[derive(Debug, Serialize, ToSchema)]
pub(super) struct PointsLot {
    /// What remains of it.
    points: i64,
    expires_at: DateTime<Utc>,
}

impl From<PointsView> for Points {
    fn from(view: PointsView) -> Self {
        Self {
            balance: view.balance,
            pending: view.pending,
            held: view.held,
            lots: view
                .lots
                .into_iter()
                .map(|lot| PointsLot {
                    points: lot.points,
                    expires_at: lot.expires_at,
                })
                .collect(),
        }
    }
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Loyalty)]
pub(super) struct LoyaltyBody {
    #[serde(flatten)]
    points: Points,
    /// Newest first.
    ledger: List<PointsEntry>,
}

/// Points that went from one account to another.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct PointsEntry {
    id: i64,
    /// issued, pending, available, held, redeemed or withheld.
    #[schema(example = "pending")]
    from: String,
    /// issued, pending, available, held, redeemed or expired.
    #[schema(example = "available")]
    to: String,
    points: i64,
    /// By how much what is available changed.
    change: i64,
    /// earned, matured, reversed, withheld, held, redeemed, hold_released, redemption_cancelled, redemption_returned,
    /// expired or adjustment.
    #[schema(example = "matured")]
    reason: String,
    order_id: Option<Uuid>,
    /// Of an adjustment: why.
    note: Option<String>,
    at: DateTime<Utc>,
}

impl From<PointsEntryView> for PointsEntry {
    fn from(view: PointsEntryView) -> Self {
        Self {
            id: view.id,
            from: view.from,
            to: view.to,
            points: view.points,
            change: view.change,
            reason: view.reason,
            order_id: view.order_id,
            note: view.note,
            at: view.at,
        }
    }
}

#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewAdjustment {
    /// Not zero; negative takes points away, those that expire first in front.
    #[schema(example = 100, minimum = -1_000_000_000, maximum = 1_000_000_000)]
    points: i64,
    /// 1 to 500 characters.
    #[schema(example = "for the long wait", min_length = 1, max_length = 500)]
    reason: String,
}

/// See your points
///
/// `ledger` is a page: pass its `next` as `after`.
#[utoipa::path(get, path = "/v1/loyalty", operation_id = "get_own_loyalty", tag = "loyalty", security(("bearer" = [])), params(Page),
    responses((status = 200, description = "What you have and how it came about", body = LoyaltyBody),
        NotSignedIn, (status = 422, description = "A parameter is not acceptable", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn own(
    State(app): State<Arc<App>>,
    caller: Caller,
    Query(page): Query<Page>,
) -> Result<Json<LoyaltyBody>> {
    report(&app, caller.id, page).await
}

/// See a customer's points
///
/// `ledger` is a page: pass its `next` as `after`. Who never had points has none.
#[utoipa::path(get, path = "/v1/loyalty/{customer_id}", operation_id = "get_customer_loyalty", tag = "loyalty", security(("bearer" = [])),
    params(("customer_id" = Uuid, Path, description = "The customer's id"), Page),
    responses((status = 200, description = "What the customer has and how it came about", body = LoyaltyBody), NotPermitted<IncentivesManage>,
        (status = 422, description = "A parameter is not acceptable", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn get(
    State(app): State<Arc<App>>,
    _: Permitted<IncentivesManage>,
    Path(customer_id): Path<Uuid>,
    Query(page): Query<Page>,
) -> Result<Json<LoyaltyBody>> {
    report(&app, customer_id, page).await
}

async fn report(app: &App, customer_id: Uuid, page: Page) -> Result<Json<LoyaltyBody>> {
    let report = app
        .queries
        .get_loyalty
        .handle(GetLoyalty { customer_id, page })
        .await?;
    Ok(Json(LoyaltyBody {
        points: report.points.into(),
        ledger: report.ledger.map(PointsEntry::from),
    }))
}

/// Give a customer points, or take some away
///
/// Send an `Idempotency-Key`, so that a retry books nothing twice.
#[utoipa::path(post, path = "/v1/loyalty/{customer_id}/adjustments", operation_id = "adjust_points", tag = "loyalty", request_body = NewAdjustment,
    security(("bearer" = [])), params(("customer_id" = Uuid, Path, description = "The customer's id"), ("Idempotency-Key" = Option<String>, Header)),
    responses((status = 201, description = "What the customer has now", body = Points), NotPermitted<IncentivesManage>,
        (status = 409, description = "`not-enough-points`: the customer has fewer", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "A field is not acceptable", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn adjust(
    State(app): State<Arc<App>>,
    Permitted { caller, .. }: Permitted<IncentivesManage>,
    Path(customer_id): Path<Uuid>,
    key: Option<IdempotencyKey>,
    Json(body): Json<NewAdjustment>,
) -> Result<impl IntoResponse> {
    let once = key
        .map(|key| Once::new(caller.id, key, "adjust_points", &(customer_id, &body)))
        .transpose()?;
    let command = AdjustPoints {
        customer_id,
        adjustment: Adjustment::new(body.points, &body.reason)?,
        actor: caller.id,
        once,
    };
    let answer = app.commands.adjust_points.handle(command).await?;
    Ok(answer.map(|points| (StatusCode::CREATED, Json(Points::from(points)))))
}
