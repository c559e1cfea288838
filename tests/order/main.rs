//! Placing, seeing and cancelling orders, through the gateway.

#[path = "../common/mod.rs"]
mod common;

mod placing;
