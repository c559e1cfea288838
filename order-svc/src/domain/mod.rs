//! What an order is, and what may happen to it. No I/O, no clock: time comes in.

mod basket;
mod id;
mod order;

pub use basket::{Basket, BasketLine, Incentive, InvalidBasket};
pub use id::order_id;
pub use order::{IllegalTransition, Line, Order, OrderEvent, PricedLine, Pricing, Reason, Status};
