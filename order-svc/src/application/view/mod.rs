mod figures;
mod history;
mod quote;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

pub use self::{
    figures::{CustomerView, SalesView, UsageView},
    history::{EventView, HistoryView},
    quote::QuoteView,
};
use crate::domain::Order;

/// An order as people see it. Amounts are minor units of `currency`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = Order)]
pub struct OrderView {
    pub id: Uuid,
    pub customer_id: Uuid,
    /// placed, confirmed, shipped, delivered or cancelled.
    #[schema(
        example = "placed",
        pattern = "^(placed|confirmed|shipped|delivered|cancelled)$"
    )]
    pub status: String,
    #[schema(example = 1)]
    pub version: i64,
    /// ISO 4217.
    #[schema(example = "GBP")]
    pub currency: String,
    pub lines: Vec<LineView>,
    /// What the lines cost as ordered.
    #[schema(example = 1530)]
    pub subtotal: i64,
    pub discount: i64,
    /// Points that were redeemed for it.
    pub points_redeemed: i64,
    /// Of these, what came back with cancelled and returned pieces.
    #[serde(default)]
    pub points_returned: i64,
    /// After discount, points and cancelled quantities.
    #[schema(example = 1530)]
    pub total: i64,
    /// What the returned quantities had cost, less the worth of `points_withheld`.
    pub refunded: i64,
    /// Points earned for what came back that had been spent before.
    #[serde(default)]
    pub points_withheld: i64,
    pub incentive: Option<IncentiveView>,
    pub placed_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = OrderLine)]
pub struct LineView {
    #[schema(example = "85123A-255")]
    pub sku: String,
    #[schema(example = "WHITE HANGING HEART T-LIGHT HOLDER")]
    pub name: String,
    #[schema(example = 6)]
    pub quantity: i64,
    #[schema(example = 255)]
    pub unit_price: i64,
    /// For all of `quantity`, as it was allotted when the line was bought.
    pub discount: i64,
    /// What points pay of it, in minor units, for all of `quantity`.
    #[serde(default)]
    pub points_value: i64,
    /// After discount, points and cancelled quantities.
    #[schema(example = 1530)]
    pub total: i64,
    pub cancelled_quantity: i64,
    pub returned_quantity: i64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = OrderIncentive)]
pub struct IncentiveView {
    pub discount_code: Option<String>,
    pub redeem_points: Option<i64>,
}

impl From<&Order> for OrderView {
    fn from(order: &Order) -> Self {
        Self {
            id: order.id,
            customer_id: order.customer_id,
            status: order.status.as_str().to_owned(),
            version: order.version,
            currency: order.currency.clone(),
            lines: order
                .lines
                .iter()
                .map(|line| LineView {
                    sku: line.sku.clone(),
                    name: line.name.clone(),
                    quantity: line.quantity,
                    unit_price: line.unit_price,
                    discount: line.discount,
                    points_value: line.points_value,
                    total: line.total(),
                    cancelled_quantity: line.cancelled_quantity,
                    returned_quantity: line.returned_quantity,
                })
                .collect(),
            subtotal: order.subtotal(),
            discount: order.discount(),
            points_redeemed: order.points_redeemed,
            points_returned: order.points_returned(),
            total: order.total(),
            refunded: order.refunded,
            points_withheld: order.points_withheld,
            incentive: order.incentive.as_ref().map(|incentive| IncentiveView {
                discount_code: incentive.discount_code.clone(),
                redeem_points: incentive.redeem_points,
            }),
            placed_at: order.placed_at,
            updated_at: order.updated_at,
        }
    }
}
