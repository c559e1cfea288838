//! How calls come in.

pub mod audit;
pub mod grpc;
pub mod http;
