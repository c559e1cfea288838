//! Who people are and what they may do, through the gateway.

#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "../common/mod.rs"]
mod common;

mod api_keys;
mod documented;
mod ended_sessions;
mod forgeries;
mod internal_calls;
mod kept_permissions;
mod permissions;
mod recovery;
mod roles;
mod rotation;
mod sessions;
mod tokens;
