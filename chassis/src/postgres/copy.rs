//! Rows by `COPY`: for what is written by the million, where statements with arrays take twice as long.

use std::fmt::Write as _;

use anyhow::Context as _;
use serde::Serialize;
use sqlx::PgConnection;

/// Rows of one table, until they are written.
pub struct Copy {
    target: &'static str,
    rows: csv::Writer<Vec<u8>>,
}

impl Copy {
    /// `target` is the table with the columns that each row has: `orders (id, status)`.
    #[must_use]
    pub fn into(target: &'static str) -> Self {
        Self {
            target,
            rows: csv::WriterBuilder::new()
                .has_headers(false)
                .from_writer(Vec::new()),
        }
    }

    /// Adds a row: a tuple with a field for each column. None is null, and so is an empty text; for bytes, see [`bytea`].
    ///
    /// # Errors
    /// When a field is no single value.
    pub fn row(&mut self, row: impl Serialize) -> anyhow::Result<()> {
        self.rows.serialize(row).context(self.target)
    }

    /// Writes the rows, in the order in which they came.
    ///
    /// # Errors
    /// When the table does not take one of them, or the database is away.
    pub async fn write(self, tx: &mut PgConnection) -> anyhow::Result<()> {
        let rows = self
            .rows
            .into_inner()
            .map_err(|error| error.into_error())
            .context(self.target)?;
        let statement = format!("copy {} from stdin with (format csv)", self.target);
        let mut copy = tx.copy_in_raw(&statement).await.context(self.target)?;
        // An error here is the connection's, and the connection's end is the rows'.
        copy.send(rows).await.context(self.target)?;
        copy.finish().await.context(self.target)?;
        Ok(())
    }
}

/// Bytes as PostgreSQL reads them in a text, in its "escape" format: JSON stays nearly what it is.
#[must_use]
pub fn bytea(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for &byte in bytes {
        match byte {
            b'\\' => text.push_str(r"\\"),
            b' '..=b'~' => text.push(char::from(byte)),
            _ => {
                let _ = write!(text, "\\{byte:03o}");
            }
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use sqlx::Connection as _;

    use super::*;
    use crate::testing;

    #[tokio::test]
    async fn whatever_is_copied_arrives_as_it_was() {
        let database = testing::empty_database().await;
        let mut connection = PgConnection::connect(database.url.expose()).await.unwrap();
        sqlx::query(
            "create table things (id int, text text, bytes bytea, numbers int[], json jsonb)",
        )
        .execute(&mut connection)
        .await
        .unwrap();
        let text = "a \"quoted\", \\ 'text' \n of Größe";
        let bytes: Vec<u8> = (0..=255).collect();
        let json = serde_json::json!({"text": text});
        let mut copy = Copy::into("things (id, text, bytes, numbers, json)");
        copy.row((1, text, bytea(&bytes), "{1,2}", json.to_string()))
            .unwrap();
        copy.row((2, None::<&str>, bytea(b""), None::<&str>, None::<&str>))
            .unwrap();
        copy.write(&mut connection).await.unwrap();

        type Row = (
            i32,
            Option<String>,
            Option<Vec<u8>>,
            Option<Vec<i32>>,
            Option<serde_json::Value>,
        );
        let rows: Vec<Row> = sqlx::query_as("select * from things order by id")
            .fetch_all(&mut connection)
            .await
            .unwrap();
        let first = (
            1,
            Some(text.to_owned()),
            Some(bytes),
            Some(vec![1, 2]),
            Some(json),
        );
        assert_eq!(rows, [first, (2, None, None, None, None)]);
    }
}
