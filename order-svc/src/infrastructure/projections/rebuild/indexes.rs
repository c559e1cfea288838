//! The indexes of the tables that are being built: those that the others have, under the same names. Keys come first, since
//! the copying needs them; the others come after it, which is quicker, and block nobody.

use anyhow::Context as _;
use sqlx::{AssertSqlSafe, PgConnection};

use super::View;

/// Makes the keys of an empty table.
pub async fn keys(tx: &mut PgConnection, table: &str) -> anyhow::Result<()> {
    let keys: Vec<String> = sqlx::query_scalar(
        "select format('alter table read_model_next.%I add constraint %I %s', $1, conname, pg_get_constraintdef(oid))
           from pg_constraint
          where conrelid = format('read_model.%I', $1)::regclass and contype in ('p', 'u')",
    )
    .bind(table)
    .fetch_all(&mut *tx)
    .await?;
    for key in keys {
        sqlx::query(AssertSqlSafe(key)).execute(&mut *tx).await?;
    }
    Ok(())
}

/// Makes the others, and has the tables looked at, so that queries are planned well from the first.
pub async fn build(connection: &mut PgConnection, view: View) -> anyhow::Result<()> {
    for statement in [
        "set maintenance_work_mem = '128MB'",
        // It looks at the whole table, and may have to wait for long transactions of others.
        "set statement_timeout = 0",
    ] {
        sqlx::query(statement).execute(&mut *connection).await?;
    }
    for table in view.tables() {
        let definitions: Vec<String> = sqlx::query_scalar(
            "select pg_get_indexdef(indexrelid) from pg_index
              where indrelid = format('read_model.%I', $1)::regclass
                and not exists (select from pg_constraint where conindid = indexrelid)",
        )
        .bind(table)
        .fetch_all(&mut *connection)
        .await?;
        for definition in definitions {
            let (kind, rest) = definition
                .split_once("INDEX ")
                .with_context(|| format!("an index of {table}: {definition}"))?;
            let rest = rest.replacen(" ON read_model.", " ON read_model_next.", 1);
            let create = format!("{kind}INDEX CONCURRENTLY {rest}");
            sqlx::query(AssertSqlSafe(create))
                .execute(&mut *connection)
                .await?;
        }
        let analyze = format!("analyze read_model_next.{table}");
        sqlx::query(AssertSqlSafe(analyze))
            .execute(&mut *connection)
            .await?;
    }
    Ok(())
}
