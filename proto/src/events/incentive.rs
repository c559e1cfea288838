//! Events of the incentives, which inventory-svc keeps.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::{ORDER, USER, events, inventory::SOURCE};

events! {
    sources: &[SOURCE];

    /// Points were booked for an order; they can be spent once it is delivered.
    POINTS_EARNED = "incentive.points_earned.v1",
        subject: "The customer's id" = USER,
        version: Some(17),
        data: PointsData = points(15);
    /// A hold that an order has took points.
    POINTS_REDEEMED = "incentive.points_redeemed.v1",
        subject: "The customer's id" = USER,
        version: Some(16),
        data: PointsData = points(100);
    /// Points of an order went back: earned ones to the shop, or redeemed ones to the customer.
    POINTS_REVERSED = "incentive.points_reversed.v1",
        subject: "The customer's id" = USER,
        version: Some(18),
        data: PointsData = PointsData {
            reversal: Some(Reversal::Earned), withheld: Some(2), withheld_total: Some(2), ..points(5)
        };
}

/// The payload of every `incentive.*.v1` event. Its version grows with every entry in the ledger of points.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PointsData {
    pub customer_id: Uuid,
    pub order_id: Uuid,
    /// Points that this event moves.
    pub points: i64,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    #[schema(nullable = false)]
    pub reversal: Option<Reversal>,
    /// Of earned points that go back: those that the customer has spent already. Their worth reduces the refund.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    #[schema(nullable = false)]
    pub withheld: Option<i64>,
    /// The same of the order's whole life, this event included: it only grows, so the greatest is the newest.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    #[schema(nullable = false)]
    pub withheld_total: Option<i64>,
}

/// Of `points_reversed`: which points went back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Reversal {
    /// The order earns less, or nothing.
    Earned,
    /// The order uses fewer points, or none.
    Redeemed,
}

fn points(points: i64) -> PointsData {
    PointsData {
        customer_id: USER,
        order_id: ORDER,
        points,
        reversal: None,
        withheld: None,
        withheld_total: None,
    }
}
