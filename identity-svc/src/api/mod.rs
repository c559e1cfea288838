//! The two doors: REST for the world, gRPC for the other services.

pub mod grpc;
pub mod http;
pub mod trust_grpc;
