//! Where a view is written: where it is read, and, while it is built anew, beside that too.

use std::borrow::Cow;

use chassis::Result;
use sqlx::{AssertSqlSafe, PgConnection};

use super::View;

/// A schema that has the tables of a view.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Schema {
    /// `read_model`, which queries read.
    Live,
    /// `read_model_next`, where a view is built before it takes the other's place.
    Next,
}

impl Schema {
    /// A statement for this schema. It is written for `read_model`.
    pub fn sql(self, statement: &'static str) -> AssertSqlSafe<Cow<'static, str>> {
        AssertSqlSafe(match self {
            Self::Live => Cow::Borrowed(statement),
            Self::Next => Cow::Owned(statement.replace("read_model.", "read_model_next.")),
        })
    }
}

/// Where each view is to be written in this transaction.
pub(super) struct Targets {
    rebuilt: Vec<String>,
}

impl Targets {
    /// Until the transaction ends, no rebuild begins or ends: both lock the table that is read here, and a statement takes
    /// its snapshot when it has its locks.
    pub async fn read(tx: &mut PgConnection) -> Result<Self> {
        let rebuilt = sqlx::query_scalar!("select view from read_model.rebuilds")
            .fetch_all(tx)
            .await?;
        Ok(Self { rebuilt })
    }

    pub fn of(&self, view: View) -> &'static [Schema] {
        if self.rebuilt.iter().any(|name| name == view.name()) {
            &[Schema::Live, Schema::Next]
        } else {
            &[Schema::Live]
        }
    }
}
