//! What only looks, at the read models alone, or at another service: one file each.

mod get_order;
mod list_orders;
mod quote_order;

pub use get_order::{GetOrder, GetOrderHandler};
pub use list_orders::{ListOrders, ListOrdersHandler};
pub use quote_order::{QuoteOrder, QuoteOrderHandler};
