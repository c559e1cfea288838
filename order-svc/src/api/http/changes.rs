//! What changes an order that is placed.

use std::sync::Arc;

use axum::{
    extract::State,
    response::{IntoResponse, Response},
};
use chassis::{
    Code, Error, Problem, Result,
    auth::Caller,
    http::{IfMatch, Json, Path, Query, etag},
    idempotency::{Answer, IdempotencyKey, Once},
};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::{
    orders::{NewIncentive, NewLine, pieces},
    policy::{NotOrderOwner, NotOrdersManager, OrdersManager, as_owner_or_manager},
};
use crate::{
    application::{
        App, OrderView, Target,
        commands::{
            ApplyIncentive, CancelOrder, DeliverOrder, Preview, ReturnLines, ShipOrder, UpdateOrder,
        },
    },
    domain::{Actor, Incentive, Reason},
};

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct OrderChange {
    /// All that is wanted of the order, 1 to 2,000; a SKU that is missing here is taken out.
    #[schema(min_items = 1, max_items = 2_000)]
    lines: Vec<NewLine>,
}

#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Cancellation {
    /// At most 500 characters.
    #[schema(example = "changed my mind", min_length = 1, max_length = 500)]
    reason: Option<String>,
    /// What is not wanted any more; without it, the whole order.
    #[schema(min_items = 1, max_items = 2_000)]
    lines: Option<Vec<NewLine>>,
}

#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Return {
    #[schema(min_items = 1, max_items = 2_000)]
    lines: Vec<NewLine>,
    /// At most 500 characters.
    #[schema(example = "broken on arrival", min_length = 1, max_length = 500)]
    reason: Option<String>,
    /// Whether the goods can be sold again.
    #[serde(default = "yes")]
    #[schema(default = true)]
    restock: bool,
}

fn yes() -> bool {
    true
}

/// What an update would make of an order.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct UpdatePreview {
    /// What more is to be paid; negative: less.
    difference: Difference,
    /// The order as it would be.
    order: OrderView,
}

/// For the document alone: the answer is one or the other.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "nobody makes one")]
enum Updated {
    Order(OrderView),
    Preview(UpdatePreview),
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = PriceDifference)]
struct Difference {
    /// Minor units.
    #[schema(example = 510)]
    amount: i64,
    /// ISO 4217.
    #[schema(example = "GBP")]
    currency: String,
}

impl From<Preview> for UpdatePreview {
    fn from(preview: Preview) -> Self {
        Self {
            difference: Difference {
                amount: preview.order.total - preview.total_before,
                currency: preview.order.currency.clone(),
            },
            order: preview.order,
        }
    }
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Trial {
    /// Change nothing; tell the price difference.
    #[serde(default)]
    dry_run: bool,
}

/// An optional text as a reason.
fn reason(text: Option<&str>) -> Result<Option<Reason>> {
    text.map(|text| {
        Reason::parse(text).ok_or_else(|| Error::invalid_field("reason", "1 to 500 characters"))
    })
    .transpose()
}

/// A key belongs to one order and one kind of change.
fn once(
    caller: &Caller,
    key: Option<IdempotencyKey>,
    operation: &str,
    order_id: Uuid,
    body: &impl Serialize,
) -> Result<Option<Once>> {
    key.map(|key| Once::new(caller.id, key, operation, &(order_id, body)))
        .transpose()
}

fn changed(answer: Answer<OrderView>) -> Response {
    answer
        .map(|order| ([etag(order.version)], Json(order)))
        .into_response()
}

/// Change what is ordered
///
/// `lines` becomes all that is wanted of the order, before it is shipped: lines are added, removed and changed in one step,
/// stock and discount with them. More is bought at today's price, under the order's discount code; what stays costs what it
/// did. Needs `If-Match`: of two who change the order at once, one gets 412. With `dry_run` nothing changes, and the answer
/// is the price difference.
#[utoipa::path(patch, path = "/v1/orders/{id}", operation_id = "update_order", tag = "orders", request_body = OrderChange,
    params(("id" = Uuid, Path, description = "The order's id"), Trial, ("If-Match" = String, Header, description = "The `ETag` that you saw")),
    security(("bearer" = [])),
    responses(
        (status = 200, description = "Changed; with `dry_run`, what that would make of the order", body = Updated, headers(("ETag" = String, description = "The version, for `If-Match`"))),
        NotOrderOwner,
        (status = 409, description = "`illegal-transition`: the goods have left, or it was cancelled; `insufficient-stock`: `items` names each SKU with what is available", body = Problem, content_type = "application/problem+json",
            examples(("insufficient-stock" = (summary = "there is not so much", value = json!({
                "type": "urn:problem-type:insufficient-stock", "title": "Conflict", "status": 409,
                "detail": "not enough stock: 85123A-255 (asked for 6, available 2)",
                "instance": "urn:request:0191f6c2-7f5e-7d3a-9c1e-2f4b8a6d0e11",
                "items": [{ "sku": "85123A-255", "requested": 6, "available": 2 }] }))))),
        (status = 412, description = "The order has changed since", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "A field is not acceptable", body = Problem, content_type = "application/problem+json"),
        (status = 428, description = "`if-match-required`: send the `ETag` that you saw", body = Problem, content_type = "application/problem+json"),
        (status = 429, description = "`reservations-busy`: too many wait for stock", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "Try again in a moment", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn update(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(order_id): Path<Uuid>,
    Query(trial): Query<Trial>,
    expected: Option<IfMatch>,
    Json(body): Json<OrderChange>,
) -> Result<Response> {
    let IfMatch(expected) = expected.ok_or_else(|| {
        Error::new(
            Code::VersionRequired,
            "if-match-required",
            "send `If-Match` with the `ETag` of the order that you saw",
        )
    })?;
    let wanted = pieces(body.lines)?;
    let command = |owner| UpdateOrder {
        target: Target {
            order_id,
            actor: Actor::User(caller.id),
            owner,
            expected_version: expected,
            once: None,
        },
        wanted: wanted.clone(),
    };
    let update = &app.commands.update_order;
    if trial.dry_run {
        let preview = as_owner_or_manager(&caller, |owner| update.preview(command(owner)));
        return Ok(Json(UpdatePreview::from(preview.await?)).into_response());
    }
    let answer = as_owner_or_manager(&caller, |owner| update.handle(command(owner)));
    Ok(changed(answer.await?))
}

/// Use a discount code or points for an order
///
/// Before it is shipped; an order takes one code, and points once. What it takes off is allotted over the lines as they are.
#[utoipa::path(post, path = "/v1/orders/{id}/incentive", operation_id = "apply_incentive", tag = "orders", request_body = NewIncentive,
    params(("id" = Uuid, Path, description = "The order's id"), ("If-Match" = Option<String>, Header, description = "The `ETag` that you saw"),
        ("Idempotency-Key" = Option<String>, Header, description = "Yours to choose, so that a retry takes no further effect")),
    security(("bearer" = [])),
    responses(
        (status = 200, description = "Applied; the same again changes nothing", body = OrderView, headers(("ETag" = String, description = "The version, for `If-Match`"))),
        NotOrderOwner,
        (status = 409, description = "`illegal-transition`: the goods have left, or it was cancelled; `incentive-already-applied`", body = Problem, content_type = "application/problem+json"),
        (status = 412, description = "The order has changed since", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "A code or points that cannot be used", body = Problem, content_type = "application/problem+json"),
        (status = 429, description = "`reservations-busy`: too many wait for stock", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "Try again in a moment", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn apply_incentive(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(order_id): Path<Uuid>,
    expected: Option<IfMatch>,
    key: Option<IdempotencyKey>,
    Json(body): Json<NewIncentive>,
) -> Result<Response> {
    let once = once(&caller, key, "apply_incentive", order_id, &body)?;
    let incentive = Incentive::from(body)
        .check()
        .map_err(|_| Error::invalid_field("redeem_points", "must not be negative"))?
        .ok_or_else(|| Error::invalid_field("discount_code", "name a code, or points to redeem"))?;
    let answer = as_owner_or_manager(&caller, |owner| {
        app.commands.apply_incentive.handle(ApplyIncentive {
            target: target(&caller, order_id, owner, expected, once.clone()),
            incentive: incentive.clone(),
        })
    });
    Ok(changed(answer.await?))
}

/// Cancel an order, or a part of it
///
/// Before it is shipped. The whole of it again: the same answer, and nothing happens. A discount stays on the lines that it
/// was allotted to.
#[utoipa::path(post, path = "/v1/orders/{id}/cancel", operation_id = "cancel_order", tag = "orders", request_body = Cancellation,
    params(("id" = Uuid, Path, description = "The order's id"), ("If-Match" = Option<String>, Header, description = "The `ETag` that you saw"),
        ("Idempotency-Key" = Option<String>, Header, description = "Yours to choose, so that a retry cancels no more")),
    security(("bearer" = [])),
    responses(
        (status = 200, description = "Cancelled", body = OrderView, headers(("ETag" = String, description = "The version, for `If-Match`"))),
        NotOrderOwner,
        (status = 409, description = "`illegal-transition`: the goods have left", body = Problem, content_type = "application/problem+json"),
        (status = 412, description = "The order has changed since", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "A field is not acceptable", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn cancel(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(order_id): Path<Uuid>,
    expected: Option<IfMatch>,
    key: Option<IdempotencyKey>,
    Json(body): Json<Cancellation>,
) -> Result<Response> {
    let once = once(&caller, key, "cancel_order", order_id, &body)?;
    let reason = reason(body.reason.as_deref())?;
    let pieces = body.lines.map(pieces).transpose()?;
    let answer = as_owner_or_manager(&caller, |owner| {
        app.commands.cancel_order.handle(CancelOrder {
            target: target(&caller, order_id, owner, expected, once.clone()),
            reason: reason.clone(),
            pieces: pieces.clone(),
        })
    });
    Ok(changed(answer.await?))
}

/// Note that an order has left
///
/// Once it is confirmed. Again: the same answer, and nothing happens.
#[utoipa::path(post, path = "/v1/orders/{id}/ship", operation_id = "ship_order", tag = "orders",
    params(("id" = Uuid, Path, description = "The order's id"), ("If-Match" = Option<String>, Header, description = "The `ETag` that you saw")),
    security(("bearer" = [])),
    responses(
        NotOrdersManager,
        (status = 200, description = "Shipped", body = OrderView, headers(("ETag" = String, description = "The version, for `If-Match`"))),
        (status = 404, description = "No order has this id", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "`illegal-transition`: it is not confirmed", body = Problem, content_type = "application/problem+json"),
        (status = 412, description = "The order has changed since", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn ship(
    State(app): State<Arc<App>>,
    OrdersManager { caller, .. }: OrdersManager,
    Path(order_id): Path<Uuid>,
    expected: Option<IfMatch>,
) -> Result<Response> {
    let target = target(&caller, order_id, None, expected, None);
    let answer = app.commands.ship_order.handle(ShipOrder { target }).await?;
    Ok(changed(answer))
}

/// Note that an order was delivered
///
/// Once it is shipped. Again: the same answer, and nothing happens. The points that it earns can be spent from now on.
#[utoipa::path(post, path = "/v1/orders/{id}/deliver", operation_id = "deliver_order", tag = "orders",
    params(("id" = Uuid, Path, description = "The order's id"), ("If-Match" = Option<String>, Header, description = "The `ETag` that you saw")),
    security(("bearer" = [])),
    responses(
        NotOrdersManager,
        (status = 200, description = "Delivered", body = OrderView, headers(("ETag" = String, description = "The version, for `If-Match`"))),
        (status = 404, description = "No order has this id", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "`illegal-transition`: it is not shipped", body = Problem, content_type = "application/problem+json"),
        (status = 412, description = "The order has changed since", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn deliver(
    State(app): State<Arc<App>>,
    OrdersManager { caller, .. }: OrdersManager,
    Path(order_id): Path<Uuid>,
    expected: Option<IfMatch>,
) -> Result<Response> {
    let target = target(&caller, order_id, None, expected, None);
    let answer = app
        .commands
        .deliver_order
        .handle(DeliverOrder { target })
        .await?;
    Ok(changed(answer))
}

/// Take goods back
///
/// Of an order that has left. Refunds what the pieces had really cost, after discount and points; points that were earned
/// for them go back, and what was spent of these is taken off `refunded` a moment later.
#[utoipa::path(post, path = "/v1/orders/{id}/returns", operation_id = "return_goods", tag = "orders", request_body = Return,
    params(("id" = Uuid, Path, description = "The order's id"), ("If-Match" = Option<String>, Header, description = "The `ETag` that you saw"),
        ("Idempotency-Key" = Option<String>, Header, description = "Yours to choose, so that a retry returns no more")),
    security(("bearer" = [])),
    responses(
        NotOrdersManager,
        (status = 200, description = "Taken back", body = OrderView, headers(("ETag" = String, description = "The version, for `If-Match`"))),
        (status = 404, description = "No order has this id", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "`illegal-transition`: the goods have not left", body = Problem, content_type = "application/problem+json"),
        (status = 412, description = "The order has changed since", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "A field is not acceptable: more than the customer has, for example", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn return_lines(
    State(app): State<Arc<App>>,
    OrdersManager { caller, .. }: OrdersManager,
    Path(order_id): Path<Uuid>,
    expected: Option<IfMatch>,
    key: Option<IdempotencyKey>,
    Json(body): Json<Return>,
) -> Result<Response> {
    let once = once(&caller, key, "return_lines", order_id, &body)?;
    let command = ReturnLines {
        target: target(&caller, order_id, None, expected, once),
        reason: reason(body.reason.as_deref())?,
        restock: body.restock,
        pieces: pieces(body.lines)?,
    };
    let answer = app.commands.return_lines.handle(command).await?;
    Ok(changed(answer))
}

fn target(
    caller: &Caller,
    order_id: Uuid,
    owner: Option<Uuid>,
    expected: Option<IfMatch>,
    once: Option<Once>,
) -> Target {
    Target {
        order_id,
        actor: Actor::User(caller.id),
        owner,
        expected_version: expected.and_then(|IfMatch(version)| version),
        once,
    }
}
