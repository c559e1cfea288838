//! The gateway between real sockets: clients in front of it, small services behind it.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]
#![allow(clippy::print_stdout, reason = "a test that is skipped says so")]

mod api_keys;
mod asyncapi;
mod auth;
mod caching;
mod faults;
mod forwarding;
mod health;
mod limits;
mod manners;
mod openapi;
mod quotas;
mod reload;
mod retries;
mod routing;
mod stub;
mod system;
mod tokens;
mod upstreams;
