//! Who people are and what they may do, through the gateway.

#[path = "../common/mod.rs"]
mod common;

mod permissions;
mod roles;
mod sessions;
mod tokens;
