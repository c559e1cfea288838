//! The shared microservice chassis: what every service needs and no business word.

pub mod amqp;
pub mod audit;
pub mod auth;
pub mod batch;
pub mod client_address;
pub mod config;
pub mod error;
pub mod grpc;
pub mod health;
pub mod http;
pub mod idempotency;
pub mod openapi;
pub mod ops;
pub mod postgres;
pub mod progress;
mod server;
pub mod service;
pub mod telemetry;
#[cfg(feature = "testing")]
pub mod testing;
pub mod tls;
pub mod trace;

pub use error::{Code, Error, FieldError, Problem, Result};
pub use server::{HttpRoutes, Valve};
pub use service::{Service, run, run_with};
