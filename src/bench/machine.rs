//! What is measured on.

use std::num::NonZero;

use serde::Serialize;

use super::{
    database::{Server, Settings},
    fsync::{self, Fsync},
};

/// A machine, as far as it bounds the figures.
#[derive(Debug, Serialize)]
pub struct Machine {
    pub cores: usize,
    /// A release build.
    pub optimised: bool,
    pub postgres: Settings,
    /// None where nobody could say.
    pub fsync: Option<Fsync>,
}

impl Machine {
    /// This one, with that server.
    ///
    /// # Errors
    /// When the server does not answer.
    pub async fn of(postgres: &mut Server) -> anyhow::Result<Self> {
        Ok(Self {
            cores: std::thread::available_parallelism().map_or(1, NonZero::get),
            optimised: !cfg!(debug_assertions),
            postgres: postgres.settings().await?,
            fsync: fsync::measure().await,
        })
    }

    /// Two cores and a usual PostgreSQL.
    #[cfg(test)]
    pub fn example() -> Self {
        Self {
            cores: 2,
            optimised: true,
            postgres: Settings {
                version: "15.20".to_owned(),
                fsync: "on".to_owned(),
                synchronous_commit: "on".to_owned(),
            },
            fsync: Some(Fsync {
                method: "fdatasync",
                per_second: 1612.3,
                file: "/tmp".into(),
            }),
        }
    }
}
