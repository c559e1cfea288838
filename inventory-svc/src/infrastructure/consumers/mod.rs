//! What this service hears from the others.

mod orders;

pub use orders::FollowOrders;
pub(crate) use orders::target_of;
