//! The gateway between real sockets: clients in front of it, small services behind it.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod api_keys;
mod asyncapi;
mod auth;
mod faults;
mod forwarding;
mod health;
mod limits;
mod openapi;
mod routing;
mod stub;
mod system;
mod tokens;
