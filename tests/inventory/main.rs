//! Products, stock, and the holds by which orders take them.

#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "../common/mod.rs"]
mod common;

mod contention;
mod decisions;
mod holds;
mod loyalty;
mod products;
mod serving;
mod stock;
mod support;
mod sweeper;
