//! The only door: one document, one form of errors, ids on every answer, readiness.

#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "../common/mod.rs"]
mod common;

mod aggregation;
mod documents;
mod kills;
mod problems;
mod readiness;
mod tracing;
