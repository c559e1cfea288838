//! Rows written, as PostgreSQL counts them, table by table.

use std::{
    collections::BTreeMap,
    fmt::{self, Formatter},
    time::Duration,
};

use anyhow::Context as _;
use serde::Serialize;

use crate::bench::database::Scratch;

/// A connection that ends tells what it has written; ending takes a moment.
const PATIENCE: Duration = Duration::from_secs(10);
/// How the floor's one database calls the schemas of both services, see [`super::floor`].
const SCHEMAS: [(&str, &str); 2] = [("order_svc", ORDER_SVC), ("inventory_svc", INVENTORY_SVC)];
pub const ORDER_SVC: &str = "order-svc";
pub const INVENTORY_SVC: &str = "inventory-svc";
pub const WORKER: &str = "worker";

/// A table of a service; outside the schema `public` with its schema.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Table {
    pub service: String,
    pub table: String,
}

/// Rows of a table.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Written {
    pub inserted: f64,
    pub updated: f64,
    pub deleted: f64,
}

impl Written {
    fn zip(self, other: Self, of: impl Fn(f64, f64) -> f64) -> Self {
        Self {
            inserted: of(self.inserted, other.inserted),
            updated: of(self.updated, other.updated),
            deleted: of(self.deleted, other.deleted),
        }
    }

    /// To whole rows: what a service writes now and then for itself is not the order's.
    fn rounded(self) -> Self {
        self.zip(self, |rows, _| rows.round())
    }
}

impl fmt::Display for Written {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let rows = format!("{:.2} + {:.2}", self.inserted, self.updated);
        f.pad(&match self.deleted {
            0.0 => rows,
            deleted => format!("{rows} - {deleted:.2}"),
        })
    }
}

/// Rows of all tables.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Rows(pub BTreeMap<Table, Written>);

impl Rows {
    /// All that was ever written into the databases of these services.
    ///
    /// # Errors
    /// When a database is away.
    pub async fn of(databases: &[(&str, &Scratch)]) -> anyhow::Result<Self> {
        let mut rows = BTreeMap::new();
        for &(service, database) in databases {
            for (schema, table, written) in read(database).await? {
                let table = match schema.as_str() {
                    "public" => table,
                    schema => format!("{schema}.{table}"),
                };
                let service = service.to_owned();
                rows.insert(Table { service, table }, written);
            }
        }
        Ok(Self(rows))
    }

    /// The same, of the floor's database.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn of_floor(database: &Scratch) -> anyhow::Result<Self> {
        let rows = read(database).await?.into_iter();
        let named = rows.filter_map(|(schema, table, written)| {
            let (service, rest) = SCHEMAS.iter().find_map(|(prefix, service)| {
                Some((service.to_string(), schema.strip_prefix(prefix)?))
            })?;
            let table = match rest.strip_prefix('_') {
                None => table,
                Some(schema) => format!("{schema}.{table}"),
            };
            Some((Table { service, table }, written))
        });
        Ok(Self(named.collect()))
    }

    pub fn since(&self, before: &Self) -> Self {
        self.with(before, |now, before| now - before)
    }

    pub fn and(&self, more: &Self) -> Self {
        self.with(more, |some, more| some + more)
    }

    /// For each of so many orders.
    pub fn per(&self, orders: u64) -> Self {
        let orders = orders as f64;
        self.with(&Self::default(), |rows, _| rows / orders)
    }

    fn with(&self, other: &Self, of: impl Fn(f64, f64) -> f64) -> Self {
        let tables = self.0.keys().chain(other.0.keys());
        let written = |table: &Table| {
            let (this, other) = (self.get(table), other.get(table));
            (table.clone(), this.zip(other, &of))
        };
        Self(tables.map(written).collect())
    }

    pub fn get(&self, table: &Table) -> Written {
        self.0.get(table).copied().unwrap_or_default()
    }
}

/// What an order writes into one table, by who writes it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Row {
    #[serde(flatten)]
    pub table: Table,
    /// By the system, when nothing else is under way.
    pub alone: Written,
    /// By the system, in the rounds: what is done for many orders at once writes fewer rows.
    pub under_load: Written,
    /// By pgbench; none if there was none, or if it has no such table.
    pub floor: Option<Written>,
}

/// Side by side, without what nobody writes for an order.
pub fn side_by_side(alone: &Rows, under_load: &Rows, floor: Option<&Rows>) -> Vec<Row> {
    let everything = alone.and(under_load);
    let everything = floor.map_or(everything.clone(), |floor| everything.and(floor));
    let row = |table: &Table| Row {
        table: table.clone(),
        alone: alone.get(table),
        under_load: under_load.get(table),
        floor: floor.and_then(|floor| floor.0.get(table).copied()),
    };
    let rows = everything.0.keys().map(row);
    rows.filter(|row| {
        let all = [row.alone, row.floor.unwrap_or_default()];
        all.iter().any(|rows| rows.rounded() != Written::default())
    })
    .collect()
}

/// Where the floor does not write what an order alone does. worker's jobs and mails are not the floor's to write.
pub fn differences(rows: &[Row]) -> Vec<String> {
    rows.iter()
        .filter(|row| row.table.service != WORKER)
        .filter_map(|row| {
            let Table { service, table } = &row.table;
            let (alone, floor) = (row.alone.rounded(), row.floor.unwrap_or_default().rounded());
            (alone != floor).then(|| {
                format!("{service}, {table}: an order writes {alone} rows, the floor's transaction {floor}")
            })
        })
        .collect()
}

/// By schema and table, when nobody is connected any more but this process.
async fn read(database: &Scratch) -> anyhow::Result<Vec<(String, String, Written)>> {
    let alone = async {
        let others = "select count(*) from pg_stat_activity
                       where datname = current_database() and backend_type = 'client backend'";
        loop {
            let connections: i64 = sqlx::query_scalar(others).fetch_one(&database.pool).await?;
            if connections <= i64::from(database.pool.size()) {
                return anyhow::Ok(());
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(PATIENCE, alone)
        .await
        .with_context(|| format!("somebody stays connected to {}", database.name))??;
    let rows: Vec<(String, String, i64, i64, i64)> = sqlx::query_as(
        "select schemaname::text, relname::text, n_tup_ins, n_tup_upd, n_tup_del from pg_stat_user_tables",
    )
    .fetch_all(&database.pool)
    .await?;
    let written = |(schema, table, inserted, updated, deleted)| {
        let written = Written {
            inserted: inserted as f64,
            updated: updated as f64,
            deleted: deleted as f64,
        };
        (schema, table, written)
    };
    Ok(rows.into_iter().map(written).collect())
}

#[cfg(test)]
pub mod tests {
    use super::*;

    pub fn rows<const N: usize>(tables: [(&str, &str, [f64; 3]); N]) -> Rows {
        Rows(
            tables
                .into_iter()
                .map(|(service, table, [inserted, updated, deleted])| {
                    let table = Table {
                        service: service.to_owned(),
                        table: table.to_owned(),
                    };
                    let written = Written {
                        inserted,
                        updated,
                        deleted,
                    };
                    (table, written)
                })
                .collect(),
        )
    }

    #[test]
    fn what_an_order_wrote_is_the_difference_over_the_orders() {
        let before = rows([("order-svc", "orders", [10.0, 4.0, 0.0])]);
        let after = rows([
            ("order-svc", "orders", [14.0, 12.0, 0.0]),
            ("order-svc", "outbox", [8.0, 0.0, 2.0]),
        ]);
        assert_eq!(
            after.since(&before).per(4),
            rows([
                ("order-svc", "orders", [1.0, 2.0, 0.0]),
                ("order-svc", "outbox", [2.0, 0.0, 0.5]),
            ])
        );
    }

    #[test]
    fn only_what_the_floor_writes_otherwise_is_a_difference() {
        let alone = rows([
            ("order-svc", "orders", [1.0, 1.2, 0.0]),
            ("order-svc", "outbox", [2.0, 2.0, 0.0]),
            ("order-svc", "inbox", [1.0, 0.0, 0.0]),
            // A job of its own, once in a while.
            ("order-svc", "idempotency", [0.0, 0.0, 0.2]),
            ("worker", "mails", [1.0, 0.0, 0.0]),
        ]);
        let under_load = rows([("order-svc", "orders", [1.0, 0.1, 0.0])]);
        let floor = rows([
            ("order-svc", "orders", [1.0, 1.0, 0.0]),
            ("order-svc", "outbox", [2.0, 1.0, 0.0]),
        ]);
        let table = side_by_side(&alone, &under_load, Some(&floor));
        let names: Vec<&str> = table.iter().map(|row| row.table.table.as_str()).collect();
        assert_eq!(names, ["inbox", "orders", "outbox", "mails"]);
        assert_eq!(
            differences(&table),
            [
                "order-svc, inbox: an order writes 1.00 + 0.00 rows, the floor's transaction 0.00 + 0.00",
                "order-svc, outbox: an order writes 2.00 + 2.00 rows, the floor's transaction 2.00 + 1.00",
            ]
        );
    }
}
