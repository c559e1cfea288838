//! identity-svc from outside: over HTTP and gRPC, on a database of its own per test.
#![allow(clippy::unwrap_used)]

mod api_keys;
mod client_tokens;
mod openapi;
mod registration;
mod roles;
mod rotation;
mod service_accounts;
mod sessions;
mod sign_in;
mod start;
mod support;
mod tokens;
mod user_roles;
mod users;
