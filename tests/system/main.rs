//! The program itself, as a process of its own that is asked to stop, or killed.

#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "../common/mod.rs"]
mod common;

mod audit;
mod benchmark;
mod certs;
mod configuration;
mod crashes;
mod generate;
mod history;
mod outages;
mod rebuild;
mod rush;
mod sales;
mod stopping;
mod tls;

use common::program;
