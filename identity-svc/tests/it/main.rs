//! identity-svc from outside: over HTTP and gRPC, on a database of its own per test.
#![allow(clippy::unwrap_used)]

mod api_keys;
mod audit;
mod audit_filters;
mod client_tokens;
mod disabling;
mod factors;
mod losing_a_factor;
mod openapi;
mod pages;
mod passwords;
mod recovery;
mod registration;
mod roles;
mod rotation;
mod second_factor;
mod service_accounts;
mod sessions;
mod sign_in;
mod start;
mod support;
mod throttling;
mod tokens;
mod user_roles;
mod users;
mod verification;
