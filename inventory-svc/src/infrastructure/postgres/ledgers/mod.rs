//! What is written twice, or follows from something else, compared. Each invariant is one statement, and all of them see
//! the database as of one moment, so that what goes on meanwhile is no violation.

mod catalogue;
mod codes;
mod orders;
mod points;
mod repair;
mod stock;

use std::time::Duration;

use async_trait::async_trait;
use chassis::{
    Result,
    audit::{Checked, Violation, outbox_stuck},
};
use sqlx::{PgConnection, PgPool, Postgres, Transaction};
use uuid::Uuid;

use super::follow_orders;
use crate::{
    application::ports::{Kept, Ledgers, Range, Unclaimed},
    domain::{HoldKey, LoyaltyPolicy, OrderTarget},
};

pub struct PgLedgers {
    pool: PgPool,
    policy: LoyaltyPolicy,
}

impl PgLedgers {
    #[must_use]
    pub fn new(pool: PgPool, policy: LoyaltyPolicy) -> Self {
        Self { pool, policy }
    }

    async fn snapshot(&self) -> Result<Transaction<'static, Postgres>> {
        let begin = "begin isolation level repeatable read read only";
        Ok(self.pool.begin_with(begin).await?)
    }
}

/// A row that breaks an invariant. The statements name a thousand at most, as the audit does.
struct Broken {
    key: String,
    detail: String,
    /// How many there are.
    total: i64,
}

/// Runs the two statements of an invariant: how many rows there are, and those that break it.
macro_rules! check {
    ($tx:expr, $invariant:expr, $table:literal, $count:literal, $broken:literal $(,)?) => {{
        let rows = sqlx::query_scalar!($count).fetch_one(&mut *$tx).await?;
        let broken = sqlx::query_as!($crate::infrastructure::postgres::ledgers::Broken, $broken)
            .fetch_all(&mut *$tx)
            .await?;
        $crate::infrastructure::postgres::ledgers::checked($invariant, $table, rows, broken)
    }};
}
use check;

fn checked(
    invariant: &'static str,
    table: &'static str,
    rows: i64,
    broken: Vec<Broken>,
) -> Checked {
    Checked {
        invariant,
        rows,
        total: broken.first().map_or(0, |first| first.total),
        violations: broken
            .into_iter()
            .map(|broken| Violation {
                table,
                key: broken.key,
                detail: broken.detail,
                repaired: false,
            })
            .collect(),
    }
}

async fn check_all(tx: &mut PgConnection, settle: Duration) -> Result<Vec<Checked>> {
    let mut all = stock::check(tx).await?;
    all.extend(codes::check(tx).await?);
    all.extend(points::check(tx).await?);
    all.push(catalogue::check(tx).await?);
    all.push(outbox_stuck(tx, settle).await?);
    Ok(all)
}

#[async_trait]
impl Ledgers for PgLedgers {
    async fn check(&self, settle: Duration) -> Result<Vec<Checked>> {
        let mut tx = self.snapshot().await?;
        check_all(&mut tx, settle).await
    }

    async fn repair(&self, found: &[Checked]) -> Result<()> {
        repair::repair(&self.pool, found).await
    }

    async fn kept(&self, orders: &[Uuid]) -> Result<Kept> {
        let mut tx = self.snapshot().await?;
        orders::kept(&mut tx, orders).await
    }

    async fn unclaimed(
        &self,
        range: &Range,
        known: &[HoldKey],
        settle: Duration,
    ) -> Result<Unclaimed> {
        let mut tx = self.snapshot().await?;
        orders::unclaimed(&mut tx, range, known, settle).await
    }

    async fn follow(&self, target: &OrderTarget) -> Result<()> {
        let mut tx = self.pool.begin().await?;
        follow_orders(&mut tx, vec![target.clone()], &self.policy).await?;
        tx.commit().await?;
        Ok(())
    }
}
