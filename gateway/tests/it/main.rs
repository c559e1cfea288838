//! The gateway between real sockets: clients in front of it, small services behind it.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod api_keys;
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
