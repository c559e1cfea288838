//! What happens after an order, and what operators see of it.

#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "../common/mod.rs"]
mod common;

mod account_mails;
mod errors;
mod mails;
mod operators;
mod queues;
