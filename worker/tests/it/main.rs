//! The worker from outside: jobs on a database of its own per test, events over RabbitMQ, REST over HTTP.
#![allow(clippy::unwrap_used)]

mod audit;
mod console;
mod errors;
mod expire_points;
mod jobs;
mod mails;
mod orphans;
mod outage;
mod prune;
mod rotate_keys;
mod smtp;
mod support;
mod sweeper;
mod ticks;
mod tries;
