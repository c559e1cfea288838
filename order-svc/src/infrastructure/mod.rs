//! The outside: PostgreSQL, inventory-svc, RabbitMQ.

pub mod consumers;
pub mod inventory_svc;
pub mod postgres;
pub mod projections;
