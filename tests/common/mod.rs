//! A whole shop per test: all services in this process, with databases, ports and a RabbitMQ namespace of its own.

// Each suite uses a part of it.
#![allow(dead_code)]

pub mod client;
pub mod invariants;
pub mod shop;

pub use client::Client;
pub use shop::Shop;
