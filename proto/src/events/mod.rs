//! Every event type and its payload. A type only ever gains optional fields; anything else is a `.v2`.

pub mod identity;
pub mod incentive;
pub mod inventory;
pub mod ops;
pub mod order;
