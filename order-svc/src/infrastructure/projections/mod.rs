//! The read models: one file each, with the SQL that feeds it.

mod orders;

pub use orders::ProjectOrders;
pub(crate) use orders::{rewrite, view};
