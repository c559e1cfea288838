//! What stock and holds are, and what may happen to them. No I/O, no clock.

mod discount;
mod hold;
mod product;
mod reservation;
mod shelf;
mod stock;

pub use discount::{
    BasketLine, BatchPrefix, BatchSize, Code, CodeRefusal, DiscountCode, InvalidTerms, Kind, Scope,
    Terms, TermsDraft, allot,
};
pub use hold::{
    Changes, Hold, HoldError, HoldKey, HoldLine, HoldState, OrderTarget, Settlement, Stage, Verdict,
};
pub use product::{InvalidProduct, Money, Product, ProductName, Sku};
pub use reservation::{
    Incentive, PricedLine, Quantity, RefusedReservation, Request, RequestLine, Shortage,
};
pub use shelf::{Grant, Offer, Shelf};
pub use stock::{InvalidMovement, Levels, ManualMovement, MovementKind};
