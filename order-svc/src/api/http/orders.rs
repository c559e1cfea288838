use std::sync::Arc;

use axum::{extract::State, response::IntoResponse};
use chassis::{
    Error, Problem, Result,
    auth::{Caller, NotSignedIn},
    http::{Json, List, Page, Path, Query, Time, etag},
    idempotency::IdempotencyKey,
};
use http::{StatusCode, header::LOCATION};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::policy::{NotOrderOwner, SeesOwnOrders, as_owner_or_manager, sees_orders_of};
use crate::{
    application::{
        App, OrderView, QuoteView,
        commands::CreateOrder,
        queries::{GetOrder, ListOrders, QuoteOrder},
    },
    domain::{Basket, BasketLine, Incentive, Pieces, Status},
};

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewOrder {
    /// 1 to 2,000; lines of one SKU are summed.
    #[schema(min_items = 1, max_items = 2_000)]
    lines: Vec<NewLine>,
    #[serde(default, deserialize_with = "chassis::http::object")]
    incentive: Option<NewIncentive>,
}

#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewOrderLine)]
pub(super) struct NewLine {
    #[schema(
        example = "85123A-255",
        max_length = 64,
        pattern = "^[A-Za-z0-9._-]{1,64}$"
    )]
    sku: String,
    /// Pieces, 1 to 1,000,000.
    #[schema(example = 6, minimum = 1, maximum = 1_000_000)]
    quantity: i64,
}

#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewIncentive {
    /// Found whatever its case.
    #[schema(example = "SAVE10")]
    discount_code: Option<String>,
    /// All of them are redeemed, or the order is refused.
    #[schema(example = 30, minimum = 0)]
    redeem_points: Option<i64>,
}

impl From<NewLine> for BasketLine {
    fn from(line: NewLine) -> Self {
        Self {
            sku: line.sku,
            quantity: line.quantity,
        }
    }
}

impl From<NewIncentive> for Incentive {
    fn from(incentive: NewIncentive) -> Self {
        Self {
            discount_code: incentive.discount_code,
            redeem_points: incentive.redeem_points,
        }
    }
}

fn basket(body: NewOrder) -> Result<Basket> {
    let lines = body.lines.into_iter().map(BasketLine::from).collect();
    Ok(Basket::new(lines, body.incentive.map(Incentive::from))?)
}

pub(super) fn pieces(lines: Vec<NewLine>) -> Result<Pieces> {
    let lines = lines.into_iter().map(BasketLine::from).collect();
    Ok(Pieces::new(lines)?)
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Which {
    /// placed, confirmed, shipped, delivered or cancelled.
    #[param(
        example = "placed",
        pattern = "^(placed|confirmed|shipped|delivered|cancelled)$"
    )]
    status: Option<String>,
    /// Placed at or after.
    #[param(value_type = Option<DateTime<Utc>>)]
    from: Option<Time>,
    /// Placed before.
    #[param(value_type = Option<DateTime<Utc>>)]
    to: Option<Time>,
    /// Of this customer.
    customer_id: Option<Uuid>,
    /// With a line of this SKU, whole; case counts.
    sku: Option<String>,
    /// At most 100 characters. Each word must begin one of the order's: of the names and SKUs of its lines, its discount
    /// code, its id; in any case.
    #[param(max_length = 100)]
    q: Option<String>,
}

/// Place an order
///
/// Holds the stock and commits the order, or does nothing. Send the same key again after an error or a lost answer:
/// the order is placed once, and the answer of a retry carries `Idempotency-Replayed: true`.
#[utoipa::path(post, path = "/v1/orders", operation_id = "place_order", tag = "orders", request_body = NewOrder, security(("bearer" = [])),
    params(("Idempotency-Key" = String, Header, description = "Yours to choose: 1 to 255 printable ASCII characters")),
    responses(
        (status = 201, description = "Placed", body = OrderView,
            headers(("ETag" = String, description = "The version, for `If-Match`"), ("Location" = String, description = "Where the order is"))),
        (status = 400, description = "`idempotency-key-required`: there is none; or the body is not JSON", body = Problem, content_type = "application/problem+json"),
        NotSignedIn,
        (status = 409, description = "`insufficient-stock`: `items` names each SKU with what is available", body = Problem, content_type = "application/problem+json",
            examples(("insufficient-stock" = (summary = "there is not so much", value = json!({
                "type": "urn:problem-type:insufficient-stock", "title": "Conflict", "status": 409,
                "detail": "not enough stock: 85123A-255 (asked for 6, available 2)",
                "instance": "urn:request:0191f6c2-7f5e-7d3a-9c1e-2f4b8a6d0e11",
                "items": [{ "sku": "85123A-255", "requested": 6, "available": 2 }] }))))),
        (status = 422, description = "A field is not acceptable", body = Problem, content_type = "application/problem+json"),
        (status = 429, description = "`orders-busy`: too many wait to be written; `reservations-busy`: too many wait for stock", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "Try again with the same key", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn create(
    State(app): State<Arc<App>>,
    caller: Caller,
    key: IdempotencyKey,
    Json(body): Json<NewOrder>,
) -> Result<impl IntoResponse> {
    let command = CreateOrder {
        customer_id: caller.id,
        key,
        basket: basket(body)?,
    };
    let answer = app.commands.create_order.handle(command).await?;
    Ok(answer.map(|order| {
        let location = [(LOCATION, format!("/v1/orders/{}", order.id))];
        (
            StatusCode::CREATED,
            [etag(order.version)],
            location,
            Json(order),
        )
    }))
}

/// Price an order
///
/// What the basket would cost you now, with the discount code and the points. Nothing is held. A code or points that
/// cannot be used are left out, and the answer says why.
#[utoipa::path(post, path = "/v1/orders/quote", operation_id = "quote_order", tag = "orders", request_body = NewOrder, security(("bearer" = [])),
    responses(
        (status = 200, description = "The price", body = QuoteView),
        NotSignedIn,
        (status = 422, description = "A field is not acceptable", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "Try again in a moment", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn quote(
    State(app): State<Arc<App>>,
    caller: Caller,
    Json(body): Json<NewOrder>,
) -> Result<Json<QuoteView>> {
    let query = QuoteOrder {
        customer_id: caller.id,
        basket: basket(body)?,
    };
    Ok(Json(app.queries.quote_order.handle(query).await?))
}

/// List orders
///
/// Newest first: your own; with `orders:manage`, everybody's. Of what was asked for, all must hold.
#[utoipa::path(get, path = "/v1/orders", operation_id = "list_orders", tag = "orders", params(Which, Page), security(("bearer" = [])),
    responses(
        (status = 200, description = "A page of orders", body = List<OrderView>),
        SeesOwnOrders,
        (status = 422, description = "A parameter is not acceptable", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn list(
    State(app): State<Arc<App>>,
    caller: Caller,
    Query(which): Query<Which>,
    Query(page): Query<Page>,
) -> Result<Json<List<OrderView>>> {
    let status = which
        .status
        .map(|status| {
            Status::parse(&status).ok_or_else(|| {
                Error::invalid_field(
                    "status",
                    "placed, confirmed, shipped, delivered or cancelled",
                )
            })
        })
        .transpose()?;
    let query = ListOrders {
        owner: sees_orders_of(&caller).await?,
        customer_id: which.customer_id,
        status,
        from: which.from.map(Into::into),
        to: which.to.map(Into::into),
        sku: which.sku,
        text: which.q,
        page,
    };
    Ok(Json(app.queries.list_orders.handle(query).await?))
}

/// Get an order
///
/// Your own; with `orders:manage`, anybody's. Right after a change the answer waits until it shows it.
#[utoipa::path(get, path = "/v1/orders/{id}", operation_id = "get_order", tag = "orders", params(("id" = Uuid, Path, description = "The order's id")), security(("bearer" = [])),
    responses(
        (status = 200, description = "The order", body = OrderView, headers(("ETag" = String, description = "The version, for `If-Match`"))),
        NotOrderOwner,
        (status = 503, description = "It was placed a moment ago; try again", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn get(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(order_id): Path<Uuid>,
) -> Result<impl IntoResponse> {
    let order = as_owner_or_manager(&caller, |owner| {
        app.queries.get_order.handle(GetOrder { order_id, owner })
    });
    let order = order.await?;
    Ok(([etag(order.version)], Json(order)))
}
