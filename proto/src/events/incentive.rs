//! Events of the incentives, which inventory-svc keeps.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Points were booked for an order; they can be spent once it is delivered.
pub const POINTS_EARNED: &str = "incentive.points_earned.v1";
/// A hold that an order has took points.
pub const POINTS_REDEEMED: &str = "incentive.points_redeemed.v1";
/// Points of an order went back: earned ones to the shop, or redeemed ones to the customer.
pub const POINTS_REVERSED: &str = "incentive.points_reversed.v1";

/// The payload of the three. Its subject is the customer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PointsData {
    pub customer_id: Uuid,
    pub order_id: Uuid,
    /// Points that this event moves.
    pub points: i64,
    /// Of `points_reversed`: which way they went.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub reversal: Option<Reversal>,
    /// Of earned points that go back: those that the customer has spent already. Their worth reduces the refund.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub withheld: Option<i64>,
    /// The same of the order's whole life, this event included: it only grows, so the greatest is the newest.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub withheld_total: Option<i64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reversal {
    /// The order earns less, or nothing.
    Earned,
    /// The order uses fewer points, or none.
    Redeemed,
}
