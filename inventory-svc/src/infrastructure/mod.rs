//! The outside: PostgreSQL, order-svc, RabbitMQ.

pub mod consumers;
pub mod order_svc;
pub mod postgres;
