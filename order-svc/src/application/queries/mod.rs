//! What only looks, at the read models alone: one file each.

mod get_order;
mod list_orders;

pub use get_order::{GetOrder, GetOrderHandler};
pub use list_orders::{ListOrders, ListOrdersHandler};
