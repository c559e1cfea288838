//! All of EasyOrder in one process, and the replay of a history of sales against a running system.

mod admin;
mod audit;
mod bench;
mod certs;
pub mod cli;
mod client;
mod demo;
pub mod docs;
mod generate;
pub mod help;
mod launch;
pub mod replay;
mod system;
mod zipf;

use std::{fmt::Arguments, io::Write as _};

pub use admin::{LOCAL_ADMIN_EMAIL, LOCAL_ADMIN_PASSWORD};
pub use system::{Configs, System};

/// A line for whoever sits at the terminal. That nobody reads it is no failure.
fn say(line: Arguments<'_>) {
    let _ = writeln!(std::io::stdout(), "{line}");
}

/// The same, for what is amiss.
fn say_error(line: Arguments<'_>) {
    let _ = writeln!(std::io::stderr(), "{line}");
}
