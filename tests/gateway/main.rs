//! The only door: one document, one form of errors, ids on every answer, readiness, what open pages are told.

#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "../common/mod.rs"]
mod common;

mod aggregation;
mod documents;
mod kills;
mod page;
mod problems;
mod readiness;
mod streams;
mod tracing;
