//! Events of order-svc. Each carries the whole order as it stands after the change, so that a consumer may miss,
//! repeat or reorder them and still end in the same place.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::{AT, ORDER, USER, events};

pub const SOURCE: &str = "/order-svc";

events! {
    sources: &[SOURCE];

    /// An order was placed: its stock is held.
    CREATED = "order.created.v1",
        subject: "The order's id" = ORDER,
        version: Some(1),
        data: OrderData = placed();
    /// An order was placed with a discount code or points; said in place of `order.created.v1`.
    CREATED_WITH_INCENTIVE = "order.created_with_incentive.v1",
        subject: "The order's id" = ORDER,
        version: Some(1),
        data: OrderData = discounted(1);
    /// A discount code or points were applied to an order that had been placed before.
    INCENTIVE_APPLIED = "order.incentive_applied.v1",
        subject: "The order's id" = ORDER,
        version: Some(3),
        data: OrderData = OrderData { status: Status::Confirmed, ..discounted(3) };
    /// What is ordered was changed.
    UPDATED = "order.updated.v1",
        subject: "The order's id" = ORDER,
        version: Some(3),
        data: OrderData = OrderData {
            status: Status::Confirmed, version: 3, holds: vec![1, 2], ..placed()
        };
    /// inventory-svc has confirmed the stock of a placed order.
    CONFIRMED = "order.confirmed.v1",
        subject: "The order's id" = ORDER,
        version: Some(2),
        data: OrderData = OrderData { status: Status::Confirmed, version: 2, ..placed() };
    /// An order was cancelled, or a part of it: `status` and the lines tell which.
    CANCELLED = "order.cancelled.v1",
        subject: "The order's id" = ORDER,
        version: Some(3),
        data: OrderData = OrderData {
            status: Status::Cancelled,
            version: 3,
            lines: vec![Line { total: 0, cancelled_quantity: 6, ..line() }],
            total: 0,
            net: Some(0),
            reason: Some("ordered by mistake".to_owned()),
            ..placed()
        };
    /// The goods of an order have left.
    SHIPPED = "order.shipped.v1",
        subject: "The order's id" = ORDER,
        version: Some(3),
        data: OrderData = OrderData { status: Status::Shipped, version: 3, ..placed() };
    /// The goods of an order have arrived.
    DELIVERED = "order.delivered.v1",
        subject: "The order's id" = ORDER,
        version: Some(4),
        data: OrderData = OrderData { status: Status::Delivered, version: 4, ..placed() };
    /// Goods of an order came back, or what they refund has changed: `refunded` and the lines tell.
    RETURNED = "order.returned.v1",
        subject: "The order's id" = ORDER,
        version: Some(5),
        data: OrderData = OrderData {
            status: Status::Delivered,
            version: 5,
            lines: vec![Line { returned_quantity: 2, restocked_quantity: 2, ..line() }],
            refunded: 510,
            net: Some(1020),
            reason: Some("broken on arrival".to_owned()),
            ..placed()
        };
}

/// The payload of every `order.*.v1` event: the order after the change. Amounts are minor units of `currency`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct OrderData {
    pub order_id: Uuid,
    pub customer_id: Uuid,
    pub status: Status,
    /// Grows with every change: of two events the one with the greater is the newer.
    pub version: i64,
    /// ISO 4217.
    pub currency: String,
    pub lines: Vec<Line>,
    pub subtotal: i64,
    pub discount: i64,
    /// Points that its holds took.
    pub points_redeemed: i64,
    /// Of these, what came back since: by cancelled quantities and returns.
    #[serde(default)]
    pub points_returned: i64,
    /// After discount, points and cancelled quantities.
    pub total: i64,
    /// What returned quantities had cost, less the worth of `points_withheld`.
    pub refunded: i64,
    /// Points earned for what came back that had been spent before.
    #[serde(default)]
    pub points_withheld: i64,
    /// What the customer pays for what they keep: `total` less what the returned quantities cost. Points are earned on it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    #[schema(nullable = false)]
    pub net: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    #[schema(nullable = false)]
    pub incentive: Option<Incentive>,
    /// Numbers of the holds that this order has committed so far.
    pub holds: Vec<i32>,
    /// Why it was changed, cancelled or taken back, if anybody said so.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    #[schema(nullable = false)]
    pub reason: Option<String>,
    pub placed_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
}

/// Where an order stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    Placed,
    Confirmed,
    Shipped,
    Delivered,
    Cancelled,
}

/// What an order has of one product.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Line {
    pub sku: String,
    pub name: String,
    /// Pieces that were bought.
    pub quantity: i64,
    pub unit_price: i64,
    /// As it was allotted when the line was bought, for all of `quantity`.
    pub discount: i64,
    /// What points pay of it, in minor units, for all of `quantity`.
    #[serde(default)]
    pub points_value: i64,
    /// After discount, points and cancelled quantities.
    pub total: i64,
    pub cancelled_quantity: i64,
    pub returned_quantity: i64,
    /// Of the returned quantity, what went back into stock.
    #[serde(default)]
    pub restocked_quantity: i64,
}

/// What takes something off an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Incentive {
    #[serde(skip_serializing_if = "Option::is_none", default)]
    #[schema(nullable = false)]
    pub discount_code: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    #[schema(nullable = false)]
    pub redeem_points: Option<i64>,
}

fn line() -> Line {
    Line {
        sku: "85123A-255".to_owned(),
        name: "WHITE HANGING HEART T-LIGHT HOLDER".to_owned(),
        quantity: 6,
        unit_price: 255,
        discount: 0,
        points_value: 0,
        total: 1530,
        cancelled_quantity: 0,
        returned_quantity: 0,
        restocked_quantity: 0,
    }
}

fn placed() -> OrderData {
    OrderData {
        order_id: ORDER,
        customer_id: USER,
        status: Status::Placed,
        version: 1,
        currency: "GBP".to_owned(),
        lines: vec![line()],
        subtotal: 1530,
        discount: 0,
        points_redeemed: 0,
        points_returned: 0,
        total: 1530,
        refunded: 0,
        points_withheld: 0,
        net: Some(1530),
        incentive: None,
        holds: vec![1],
        reason: None,
        placed_at: AT,
        updated_at: AT,
    }
}

fn discounted(version: i64) -> OrderData {
    OrderData {
        version,
        lines: vec![Line {
            discount: 153,
            total: 1377,
            ..line()
        }],
        discount: 153,
        total: 1377,
        net: Some(1377),
        incentive: Some(Incentive {
            discount_code: Some("SAVE10".to_owned()),
            redeem_points: None,
        }),
        ..placed()
    }
}
