//! Products, stock, and the holds by which orders take them.

#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "../common/mod.rs"]
mod common;

mod catalogue;
mod code_batches;
mod contention;
mod decisions;
mod discount_codes;
mod holds;
mod import;
mod incentives;
mod low_stock;
mod loyalty;
mod products;
mod serving;
mod stock;
mod support;
mod sweeper;
