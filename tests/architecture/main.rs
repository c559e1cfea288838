//! The rules of the architecture, checked in the sources. Each has a sample that breaks it, so that a rule that has
//! stopped looking shows, too.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod boundaries;
mod catalogue;
mod chassis;
mod layers;
mod source;
mod sql;
mod tables;
