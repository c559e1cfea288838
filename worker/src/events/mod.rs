//! What the worker does with events: each file is the consumer of one queue.

mod errors;
mod order_mails;

pub use self::{errors::StoreErrors, order_mails::EnqueueOrderMails};
