//! A whole shop per test: all services in this process, with databases, ports and a RabbitMQ namespace of its own.

// Each suite uses a part of it.
#![allow(dead_code, unused_imports)]

pub mod broker;
pub mod client;
pub mod faults;
pub mod grpc;
pub mod invariants;
pub mod lines;
pub mod mailbox;
pub mod program;
pub mod shop;
mod wait;

pub use client::{Answer, Client};
pub use lines::Lines;
pub use mailbox::{mailed_token, mails};
pub use shop::Shop;
pub use wait::until;
