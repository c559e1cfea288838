//! All of EasyOrder in one process, and the replay of a history of sales against a running system.

mod client;
pub mod replay;

/// The administrator whom the local launcher makes. No other way of starting a service knows a default password.
pub const LOCAL_ADMIN_EMAIL: &str = "admin@easyorder.local";
pub const LOCAL_ADMIN_PASSWORD: &str = "easyorder-local-admin";
