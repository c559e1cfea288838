//! How calls come in.

pub mod audit;
pub mod grpc;
pub mod http;
mod incentive_grpc;
