//! What this service hears from the others, and what it changes of the write model.

mod stock;

pub use stock::ConfirmOrders;
