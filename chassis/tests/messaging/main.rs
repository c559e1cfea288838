//! Events from the outbox to the handler, against a real PostgreSQL and a real RabbitMQ.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod dead_letters;
mod delivery;
mod listening;
mod ops;
mod outages;
mod reading;
mod relay;
mod support;
