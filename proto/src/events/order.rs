//! Events of order-svc. Each carries the whole order as it stands after the change, so that a consumer may miss,
//! repeat or reorder them and still end in the same place.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

pub const SOURCE: &str = "/order-svc";

pub const CREATED: &str = "order.created.v1";
/// In place of [`CREATED`] for an order made with a discount code or points.
pub const CREATED_WITH_INCENTIVE: &str = "order.created_with_incentive.v1";
pub const INCENTIVE_APPLIED: &str = "order.incentive_applied.v1";
pub const UPDATED: &str = "order.updated.v1";
pub const CONFIRMED: &str = "order.confirmed.v1";
pub const CANCELLED: &str = "order.cancelled.v1";
pub const SHIPPED: &str = "order.shipped.v1";
pub const DELIVERED: &str = "order.delivered.v1";
pub const RETURNED: &str = "order.returned.v1";

/// The payload of every `order.*.v1` event. Amounts are minor units of `currency`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderData {
    pub order_id: Uuid,
    pub customer_id: Uuid,
    pub status: Status,
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
    pub net: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub incentive: Option<Incentive>,
    /// Numbers of the holds that this order has committed so far.
    pub holds: Vec<i32>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub reason: Option<String>,
    pub placed_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    Placed,
    Confirmed,
    Shipped,
    Delivered,
    Cancelled,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    pub sku: String,
    pub name: String,
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

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Incentive {
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub discount_code: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub redeem_points: Option<i64>,
}
