//! Placing, seeing and cancelling orders, through the gateway, and through every fault.

#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "../common/mod.rs"]
mod common;

mod cancelling;
mod crashes;
mod listing;
mod ownership;
mod placing;
mod reading;
mod retries;
mod validation;
