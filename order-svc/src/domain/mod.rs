//! What an order is, and what may happen to it. No I/O, no clock: time comes in.

mod actor;
mod basket;
mod id;
mod line;
mod order;

pub use actor::Actor;
pub use basket::{Basket, BasketLine, Incentive, InvalidBasket, Pieces};
pub use id::order_id;
pub use line::{Cost, Line};
pub use order::{
    Allotment, Held, IllegalTransition, Order, OrderEvent, PricedLine, Pricing, Reason, Refusal,
    Status,
};
