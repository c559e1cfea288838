//! Events of inventory-svc.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

pub const SOURCE: &str = "/inventory-svc";

pub const STOCK_RESERVED: &str = "inventory.stock_reserved.v1";
pub const STOCK_CONFIRMED: &str = "inventory.stock_confirmed.v1";
pub const STOCK_RELEASED: &str = "inventory.stock_released.v1";
pub const RESERVATION_EXPIRED: &str = "inventory.reservation_expired.v1";
pub const STOCK_LOW: &str = "inventory.stock_low.v1";
pub const PRODUCT_CHANGED: &str = "inventory.product_changed.v1";

/// The payload of `stock_reserved`, `stock_released` and `reservation_expired`: what moved, of which hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HoldData {
    pub order_id: Uuid,
    pub hold_no: i32,
    pub lines: Vec<HoldLine>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HoldLine {
    pub sku: String,
    /// Pieces that this event moves.
    pub quantity: i64,
}

/// The payload of `stock_confirmed`: every hold of the order that is safe from the sweeper now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StockConfirmed {
    pub order_id: Uuid,
    pub holds: Vec<i32>,
}

/// The payload of `stock_low`: at most `threshold` pieces can still be sold. Said once, until there are more again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StockLow {
    pub sku: String,
    /// Pieces.
    pub available: i64,
    /// Pieces.
    pub threshold: i64,
}

/// The payload of `product_changed`: the product after the change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProductChanged {
    pub sku: String,
    pub name: String,
    /// Minor units of `currency`.
    pub price: i64,
    /// ISO 4217.
    pub currency: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub category: Option<String>,
    /// False once it is no longer sold.
    pub active: bool,
}
