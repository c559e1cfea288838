//! The adapters of the storage ports. The SQL of the write model and of the queries is here; that of the read models'
//! writes stands with each projection.

mod decisions;
mod event_log;
mod events;
mod figure_views;
pub mod generate;
mod histories;
mod keepings;
mod ledgers;
mod orders;
mod rows;
mod views;

pub use decisions::PgDecisions;
#[cfg(test)]
pub(crate) use events::order_data;
pub(crate) use events::status;
pub use figure_views::PgFigureViews;
pub use histories::PgHistoryViews;
pub use keepings::PgKeepingViews;
pub use ledgers::PgLedgers;
pub use orders::{PgOrders, Placements};
pub(crate) use orders::{load_many, save_many};
pub use views::PgOrderViews;
