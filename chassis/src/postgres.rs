//! The service's own database.

mod copy;

use std::{net::IpAddr, str::FromStr, time::Duration};

use anyhow::Context as _;
use backon::{ExponentialBuilder, Retryable as _};
use sqlx::{
    ConnectOptions as _, Executor as _, PgPool,
    migrate::Migrator,
    postgres::{PgConnectOptions, PgPoolOptions, PgSslMode},
};

pub use self::copy::{Copy, bytea};
use crate::config::Secret;

/// Tables that the chassis itself needs in each database: outbox, inbox, idempotency.
static CHASSIS: Migrator = sqlx::migrate!("./migrations");

/// A request waits this long for a connection before it is answered 503.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(3);

/// A process that stops in the middle of a transaction (SIGSTOP, a host that swaps) keeps its locks no longer than this.
const IDLE_IN_TRANSACTION: &str = "10s";

/// Opens a pool of at most `max_connections`; waits until the server is there.
///
/// # Errors
/// When the address is malformed, or the server refuses for a reason that waiting does not cure (a wrong password,
/// no such database).
pub async fn connect(url: &Secret, max_connections: u32) -> anyhow::Result<PgPool> {
    let options = options(url)?;
    let pool = PgPoolOptions::new()
        .max_connections(max_connections)
        .acquire_timeout(ACQUIRE_TIMEOUT)
        .connect_lazy_with(options);
    (|| async { pool.acquire().await.map(drop) })
        .retry(
            ExponentialBuilder::default()
                .with_min_delay(Duration::from_millis(100))
                .with_max_delay(Duration::from_secs(2))
                .without_max_times(),
        )
        .when(is_transient)
        .notify(|error, _| tracing::warn!(%error, "PostgreSQL is not there yet; waiting"))
        .await
        .context("cannot use the database")?;
    Ok(pool)
}

/// Brings the chassis' tables and the service's own up to date. Several replicas may do so at once.
///
/// # Errors
/// When a migration fails, or one that was applied has changed since.
pub async fn migrate(pool: &PgPool, service: &Migrator) -> anyhow::Result<()> {
    let mut chassis = Migrator::with_migrations(CHASSIS.iter().cloned().collect());
    // Its numbers are not the service's.
    chassis.dangerous_set_table_name("_chassis_migrations");
    chassis
        .run(pool)
        .await
        .context("migrating the chassis' tables")?;
    service
        .run(pool)
        .await
        .context("migrating the service's tables")
}

/// Makes the database that `url` names if the server has none of that name. For one machine; elsewhere the operator
/// makes it.
///
/// # Errors
/// When the server is away or the role may not create databases.
pub async fn create_database_if_missing(url: &Secret) -> anyhow::Result<()> {
    let options = options(url)?;
    let name = options
        .get_database()
        .context("the database's address names no database")?
        .to_owned();
    let mut server = options.database("postgres").connect().await?;
    let exists: bool =
        sqlx::query_scalar("select exists (select from pg_database where datname = $1)")
            .bind(&name)
            .fetch_one(&mut server)
            .await?;
    if !exists {
        let quoted = format!("create database \"{}\"", name.replace('"', "\"\""));
        match server.execute(sqlx::AssertSqlSafe(quoted)).await {
            // 42P04 duplicate_database, 23505: another replica was quicker.
            Err(sqlx::Error::Database(error))
                if matches!(error.code().as_deref(), Some("42P04" | "23505")) => {}
            result => {
                result.with_context(|| format!("creating the database `{name}`"))?;
            }
        }
    }
    Ok(())
}

fn options(url: &Secret) -> anyhow::Result<PgConnectOptions> {
    let url = url.expose();
    // The parser takes any scheme.
    let is_ours = ["postgres://", "postgresql://"]
        .iter()
        .any(|scheme| url.starts_with(scheme));
    // Its error may quote the address, and with it the password.
    let options = PgConnectOptions::from_str(url).ok().filter(|_| is_ours);
    let options = options.context(
        "malformed database address: expected postgres://USER[:PASSWORD]@HOST[:PORT]/DATABASE",
    )?;
    // On this machine encryption guards nothing, and costs much: sqlx leaves Nagle's algorithm on, so what TLS writes in
    // several pieces waits for the delayed acknowledgement of the first, 40 ms for each large statement.
    let options = match options.get_ssl_mode() {
        PgSslMode::Allow | PgSslMode::Prefer if is_local(&options) => {
            options.ssl_mode(PgSslMode::Disable)
        }
        _ => options,
    };
    Ok(options
        .application_name("easyorder")
        .options([("idle_in_transaction_session_timeout", IDLE_IN_TRANSACTION)]))
}

fn is_local(options: &PgConnectOptions) -> bool {
    let host = options.get_host();
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|host| host.is_loopback())
}

/// Whether the same call may succeed once the server is back or the contention is over.
#[must_use]
pub fn is_transient(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(_)
        | sqlx::Error::Tls(_)
        | sqlx::Error::Protocol(_)
        | sqlx::Error::PoolTimedOut
        | sqlx::Error::PoolClosed
        | sqlx::Error::WorkerCrashed => true,
        // https://www.postgresql.org/docs/current/errcodes-appendix.html
        sqlx::Error::Database(error) => error.code().is_some_and(|code| {
            // connection_exception, insufficient_resources, operator_intervention
            ["08", "53", "57P"].iter().any(|class| code.starts_with(class))
                // serialization_failure, deadlock_detected, lock_not_available, idle_in_transaction_session_timeout
                || ["40001", "40P01", "55P03", "25P03"].contains(&code.as_ref())
        }),
        _ => false,
    }
}

/// Why PostgreSQL has no such value, if it says so; `http` refuses most of them before.
pub(crate) fn unstorable(error: &sqlx::Error) -> Option<&'static str> {
    match error.as_database_error()?.code()?.as_ref() {
        // character_not_in_repertoire, untranslatable_character
        "22021" | "22P05" => Some("a text holds the character U+0000, which cannot be stored"),
        // datetime_field_overflow
        "22008" => Some("a time is out of range"),
        _ => None,
    }
}

/// The name of the constraint that a statement violated, if one was.
#[must_use]
pub fn constraint(error: &sqlx::Error) -> Option<&str> {
    error.as_database_error()?.constraint()
}

/// Whether a lock was not granted within `lock_timeout`.
#[must_use]
pub fn is_lock_timeout(error: &sqlx::Error) -> bool {
    error
        .as_database_error()
        .and_then(|error| error.code())
        .is_some_and(|code| code == "55P03")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stays_on_this_machine_goes_unencrypted_unless_the_address_requires_it() {
        for (url, expected) in [
            ("postgres://user@127.0.0.1/name", "Disable"),
            ("postgres://user@localhost/name", "Disable"),
            ("postgres://user@127.0.0.1/name?sslmode=prefer", "Disable"),
            ("postgres://user@127.0.0.1/name?sslmode=require", "Require"),
            ("postgres://user@db.example/name", "Prefer"),
            ("postgres://user@10.0.0.1/name", "Prefer"),
        ] {
            let mode = options(&url.into()).unwrap().get_ssl_mode();
            assert_eq!(format!("{mode:?}"), expected, "{url}");
        }
    }

    #[tokio::test]
    async fn what_postgresql_cannot_store_is_the_callers_mistake() {
        let database = crate::testing::empty_database().await;
        let text = sqlx::query("select $1::text").bind("\0");
        let time =
            sqlx::query("select $1::timestamptz").bind(chrono::DateTime::<chrono::Utc>::MIN_UTC);
        for query in [text, time] {
            let refused = query.execute(&database.pool).await.unwrap_err();
            let error = crate::Error::from(refused);
            assert_eq!(error.kind(), "bad-request", "{error:?}");
        }
    }

    #[test]
    fn an_address_is_one_of_postgresql() {
        for good in [
            "postgres://user@host/name",
            "postgresql://user:word@host:5432/name",
        ] {
            options(&good.into()).unwrap();
        }
        for bad in [
            "",
            "hunter2",
            "mysql://root:hunter2@host/name",
            "postgres://u:hunter2@host:port/name",
        ] {
            let error = options(&bad.into()).unwrap_err();
            assert!(!format!("{error:?}").contains("hunter2"), "{error:?}");
        }
    }
}
