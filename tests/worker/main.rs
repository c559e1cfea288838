//! What happens after an order, and what operators see of it.

#[path = "../common/mod.rs"]
mod common;

mod errors;
mod mails;
mod operators;
mod queues;
