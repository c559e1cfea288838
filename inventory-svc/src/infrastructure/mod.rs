//! The outside: PostgreSQL, order-svc, RabbitMQ.

pub mod consumers;
pub mod order_keepings;
pub mod order_svc;
pub mod postgres;
