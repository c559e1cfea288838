//! What stock and holds are, and what may happen to them. No I/O, no clock.

mod adjustment;
mod agreement;
mod discount;
mod hold;
mod import;
mod loyalty;
mod order_points;
mod product;
mod reservation;
mod shelf;
mod stock;

pub use adjustment::{Adjustment, InvalidAdjustment};
pub use discount::{
    BasketLine, BatchPrefix, BatchSize, Code, CodeRefusal, DiscountCode, InvalidTerms, Kind, Scope,
    Terms, TermsChange, TermsDraft, allot,
};
pub use hold::{
    Changes, Hold, HoldError, HoldKey, HoldLine, HoldState, Move, OrderTarget, Settlement, Stage,
    Verdict,
};
pub use import::{Column, Fault, ImportRow, Outcome, Planned, Standing};
pub use loyalty::{
    Account, Booking, Entry, HeldPoints, Lot, LotChange, LotState, LotUse, Lots, LoyaltyPolicy,
    NotEnoughPoints, PointsEvent, PointsHold, Reason, ReturnedUse, Side,
};
pub use order_points::{OrderPoints, PointsStage, PointsTarget};
pub use product::{Category, InvalidProduct, Money, Product, ProductName, Sku};
pub use reservation::{
    Basket, Context, Incentive, OrderedLine, PointsRefusal, PricedLine, Quantity,
    RefusedReservation, RequestLine, Shortage,
};
pub use shelf::{Allotment, Grant, Offer, OfferedCode, Quote, Shelf};
pub use stock::{Crossing, InvalidMovement, Levels, ManualMovement, MovementKind, Pieces};
