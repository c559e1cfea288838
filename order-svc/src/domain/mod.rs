//! What an order is, and what may happen to it. No I/O, no clock: time comes in.

mod actor;
mod basket;
mod id;
mod line;
mod order;

pub use actor::Actor;
pub use basket::{Basket, BasketLine, Incentive, InvalidBasket};
pub use id::order_id;
pub use line::{Cost, Line};
pub use order::{IllegalTransition, Order, OrderEvent, PricedLine, Pricing, Reason, Status};
