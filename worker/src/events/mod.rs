//! What the worker does with events: each file is the consumer of one queue.

mod account_mails;
mod errors;
mod order_mails;

pub use self::{
    account_mails::EnqueueAccountMails, errors::StoreErrors, order_mails::EnqueueOrderMails,
};
