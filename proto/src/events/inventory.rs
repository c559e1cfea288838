//! Events of inventory-svc.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::{ORDER, events};

pub const SOURCE: &str = "/inventory-svc";

events! {
    sources: &[SOURCE];

    /// Stock is held for an order that is being placed or changed.
    STOCK_RESERVED = "inventory.stock_reserved.v1",
        subject: "The order's id and the hold's number" = format!("{ORDER}/1"),
        version: Some(1),
        data: HoldData = hold();
    /// An order has the stock that was held for it.
    STOCK_CONFIRMED = "inventory.stock_confirmed.v1",
        subject: "The order's id and the hold's number" = format!("{ORDER}/1"),
        version: Some(2),
        data: StockConfirmed = StockConfirmed { order_id: ORDER, holds: vec![1] };
    /// Held stock went back: an order was cancelled or got smaller, or it came to nothing.
    STOCK_RELEASED = "inventory.stock_released.v1",
        subject: "The order's id and the hold's number" = format!("{ORDER}/1"),
        version: Some(3),
        data: HoldData = hold();
    /// Held stock went back because no order took it in time.
    RESERVATION_EXPIRED = "inventory.reservation_expired.v1",
        subject: "The order's id and the hold's number" = format!("{ORDER}/1"),
        version: Some(2),
        data: HoldData = hold();
    /// A product is nearly sold out.
    STOCK_LOW = "inventory.stock_low.v1",
        subject: "The SKU" = SKU,
        version: None,
        data: StockLow = StockLow { sku: SKU.to_owned(), available: 9, threshold: 10 };
    /// A product was added, changed, removed or brought back.
    PRODUCT_CHANGED = "inventory.product_changed.v1",
        subject: "The SKU" = SKU,
        version: Some(4),
        data: ProductChanged = ProductChanged {
            sku: SKU.to_owned(),
            name: "WHITE HANGING HEART T-LIGHT HOLDER".to_owned(),
            price: 255,
            currency: "GBP".to_owned(),
            category: Some("lights".to_owned()),
            active: true,
        };
}

const SKU: &str = "85123A-255";

/// The payload of `stock_reserved`, `stock_released` and `reservation_expired`: what moved, of which hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct HoldData {
    pub order_id: Uuid,
    pub hold_no: i32,
    pub lines: Vec<HoldLine>,
}

/// Pieces of one product.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct HoldLine {
    pub sku: String,
    /// Pieces that this event moves.
    pub quantity: i64,
}

/// The payload of `stock_confirmed`: every hold of the order that is safe from the sweeper now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct StockConfirmed {
    pub order_id: Uuid,
    pub holds: Vec<i32>,
}

/// The payload of `stock_low`: at most `threshold` pieces can still be sold. Said once, until there are more again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct StockLow {
    pub sku: String,
    /// Pieces.
    pub available: i64,
    /// Pieces.
    pub threshold: i64,
}

/// The payload of `product_changed`: the product after the change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ProductChanged {
    pub sku: String,
    pub name: String,
    /// Minor units of `currency`.
    pub price: i64,
    /// ISO 4217.
    pub currency: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub category: Option<String>,
    /// False once it is no longer sold.
    pub active: bool,
}

fn hold() -> HoldData {
    HoldData {
        order_id: ORDER,
        hold_no: 1,
        lines: vec![HoldLine {
            sku: SKU.to_owned(),
            quantity: 6,
        }],
    }
}
