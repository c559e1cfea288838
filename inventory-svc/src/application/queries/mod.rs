//! What only looks: one file each.

mod get_availability;
mod get_product;
mod get_stock;
mod list_products;
mod quote_basket;

pub use get_availability::{GetAvailability, GetAvailabilityHandler};
pub use get_product::{GetProduct, GetProductHandler};
pub use get_stock::{GetStock, GetStockHandler, StockReport};
pub use list_products::{ListProducts, ListProductsHandler};
pub use quote_basket::{QuoteBasket, QuoteBasketHandler};
