//! Placing, seeing, changing, fulfilling and cancelling orders, through the gateway, and through every fault.

#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "../common/mod.rs"]
mod common;

mod cancelling;
mod change_crashes;
mod crashes;
mod delivery;
mod figures;
mod fulfilment;
mod history;
mod incentive;
mod keeping;
mod listing;
mod outages;
mod ownership;
mod placing;
mod projecting;
mod races;
mod reading;
mod replicas;
mod reports;
mod retries;
mod searching;
mod sweeping;
mod updating;
mod validation;
