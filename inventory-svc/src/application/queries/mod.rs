//! What only looks: one file each.

mod get_availability;
mod get_loyalty;
mod get_product;
mod get_stock;
mod list_products;

pub use get_availability::{GetAvailability, GetAvailabilityHandler};
pub use get_loyalty::{GetLoyalty, GetLoyaltyHandler, LoyaltyReport};
pub use get_product::{GetProduct, GetProductHandler};
pub use get_stock::{GetStock, GetStockHandler, StockReport};
pub use list_products::{ListProducts, ListProductsHandler};
