//! Where a rebuild begins and where it ends: two short transactions, during which no event is applied.

use std::time::{Duration, Instant};

use sqlx::{AssertSqlSafe, Connection as _, PgConnection};

use super::{View, indexes};

/// Whoever reads a view in one long statement is not waited for longer than this at a time: all other readers would have to
/// wait as well. It doubles, up to [`LONGEST_WAIT`]: PostgreSQL calls an autovacuum off after a second.
const SHORTEST_WAIT: Duration = Duration::from_millis(100);
const LONGEST_WAIT: Duration = Duration::from_millis(1_600);
/// Others get this long between two tries.
const PAUSE: Duration = Duration::from_millis(500);
/// PostgreSQL's `lock_not_available`.
const NOT_AVAILABLE: &str = "55P03";

/// Makes the tables, empty; from now on every event is applied to them, too.
pub async fn begin(connection: &mut PgConnection, view: View) -> anyhow::Result<()> {
    patiently(connection, async |connection, wait| {
        let mut tx = alone(connection, wait).await?;
        for table in view.tables() {
            let options: Option<String> = sqlx::query_scalar(
                "select 'with (' || array_to_string(reloptions, ', ') || ')' from pg_class
                  where oid = format('read_model.%I', $1)::regclass",
            )
            .bind(table)
            .fetch_one(&mut *tx)
            .await?;
            for statement in [
                format!("drop table if exists read_model_next.{table}"),
                format!(
                    "create table read_model_next.{table} (like read_model.{table}
                         including defaults including constraints including storage) {}",
                    options.unwrap_or_default()
                ),
            ] {
                sqlx::query(AssertSqlSafe(statement))
                    .execute(&mut *tx)
                    .await?;
            }
            indexes::keys(&mut tx, table).await?;
        }
        sqlx::query!(
            "insert into read_model.rebuilds (view) values ($1)
             on conflict (view) do update set started_at = excluded.started_at",
            view.name()
        )
        .execute(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok(())
    })
    .await
}

/// Puts the new tables in the place of the old. Answers for how long nobody could read or feed the view.
pub async fn swap(connection: &mut PgConnection, view: View) -> anyhow::Result<Duration> {
    patiently(connection, async |connection, wait| {
        let mut tx = alone(connection, wait).await?;
        let locked = Instant::now();
        for table in view.tables() {
            for statement in [
                format!("drop table read_model.{table}"),
                format!("alter table read_model_next.{table} set schema read_model"),
            ] {
                sqlx::query(AssertSqlSafe(statement))
                    .execute(&mut *tx)
                    .await?;
            }
        }
        sqlx::query!(
            "delete from read_model.rebuilds where view = $1",
            view.name()
        )
        .execute(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok(locked.elapsed())
    })
    .await
}

/// A transaction beside which no event is applied. None of its statements waits longer than `wait` for others.
async fn alone(
    connection: &mut PgConnection,
    wait: Duration,
) -> anyhow::Result<sqlx::Transaction<'_, sqlx::Postgres>> {
    let mut tx = connection.begin().await?;
    let timeout = format!("set local lock_timeout = {}", wait.as_millis());
    sqlx::query(AssertSqlSafe(timeout))
        .execute(&mut *tx)
        .await?;
    sqlx::query("lock table read_model.rebuilds in access exclusive mode")
        .execute(&mut *tx)
        .await?;
    Ok(tx)
}

/// Tries again for as long as somebody else is at the tables.
async fn patiently<T>(
    connection: &mut PgConnection,
    attempt: impl AsyncFn(&mut PgConnection, Duration) -> anyhow::Result<T>,
) -> anyhow::Result<T> {
    let mut wait = SHORTEST_WAIT;
    loop {
        match attempt(connection, wait).await {
            Err(error) if is_held(&error) => {
                wait = LONGEST_WAIT.min(wait * 2);
                tokio::time::sleep(PAUSE).await;
            }
            outcome => return outcome,
        }
    }
}

fn is_held(error: &anyhow::Error) -> bool {
    let database = error
        .downcast_ref::<sqlx::Error>()
        .and_then(sqlx::Error::as_database_error);
    database.is_some_and(|error| error.code().as_deref() == Some(NOT_AVAILABLE))
}
