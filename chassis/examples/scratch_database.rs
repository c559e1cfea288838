//! Makes a database anew from a directory of migrations: what `make sql` compiles a service's queries against. It
//! stands here since a service with a new query does not compile before its query has been checked.
//!
//! ```text
//! cargo run -p chassis --example scratch_database -- postgres://postgres@127.0.0.1:5432/scratch order-svc/migrations
//! ```

use std::path::Path;

use anyhow::Context as _;
use chassis::{config::Secret, postgres};
use sqlx::migrate::{MigrateDatabase as _, Migrator};

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let url = arguments
        .next()
        .context("the first argument is the database's address")?;
    let migrations = arguments
        .next()
        .context("the second argument is a directory of migrations")?;
    if !url.contains("scratch") {
        anyhow::bail!("the database is dropped first, so `scratch` must be in its name");
    }
    sqlx::Postgres::drop_database(&url).await?;
    sqlx::Postgres::create_database(&url).await?;
    let migrator = Migrator::new(Path::new(&migrations)).await?;
    let pool = postgres::connect(&Secret::from(url), 1).await?;
    postgres::migrate(&pool, &migrator).await
}
