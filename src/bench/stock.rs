//! The products that a benchmark sells, and what inventory-svc's database says became of them.

use sqlx::{Executor as _, PgPool};

/// So that nothing is ever refused.
pub const STOCK: i64 = 1_000_000_000_000;

/// The SKU of a number from 0.
pub fn sku(number: usize) -> String {
    format!("BENCH-{}", number + 1)
}

/// Straight into the tables: what is measured comes after.
///
/// # Errors
/// When the database is away.
pub async fn fill(pool: &PgPool, skus: usize) -> anyhow::Result<()> {
    let skus: Vec<String> = (0..skus).map(sku).collect();
    for statement in [
        "insert into products (sku, name, price, currency) select sku, sku, 100, 'GBP' from unnest($1::text[]) as t (sku)",
        "insert into stock (sku, on_hand) select sku, $2 from unnest($1::text[]) as t (sku)",
        "insert into stock_movements (sku, kind, on_hand_delta, reserved_delta)
         select sku, 'receipt', $2, 0 from unnest($1::text[]) as t (sku)",
        "insert into read_model.products (sku, name, price, currency, version, in_stock, created_at, updated_at)
         select sku, name, price, currency, version, $2 > 0, created_at, updated_at
           from products where sku = any($1::text[])",
    ] {
        // The first statement has no use for the second value, and PostgreSQL minds.
        let query = sqlx::query(statement).bind(&skus);
        let query = if statement.contains("$2") {
            query.bind(STOCK)
        } else {
            query
        };
        query.execute(pool).await?;
    }
    pool.execute("analyze").await?;
    Ok(())
}

/// What inventory-svc's database holds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, sqlx::FromRow)]
pub struct Count {
    pub held: i64,
    pub confirmed: i64,
    /// Holds in any other state: no benchmark ships, cancels or lets expire.
    pub other: i64,
    /// Pieces on the lines of all holds.
    pub pieces: i64,
    /// Pieces reserved, by the stock.
    pub reserved: i64,
    /// Pieces reserved, by the movements.
    pub moved: i64,
    /// SKUs whose stock does not agree with the lines.
    pub wrong_skus: i64,
}

impl Count {
    /// # Errors
    /// When the database is away.
    pub async fn of(pool: &PgPool) -> anyhow::Result<Self> {
        let count = sqlx::query_as(
            "with lines as (select sku, sum(quantity - released)::bigint as pieces from hold_lines group by sku)
             select (select count(*) from holds where state = 'HELD') as held,
                    (select count(*) from holds where state = 'CONFIRMED') as confirmed,
                    (select count(*) from holds where state not in ('HELD', 'CONFIRMED')) as other,
                    (select coalesce(sum(pieces), 0)::bigint from lines) as pieces,
                    (select coalesce(sum(reserved), 0)::bigint from stock) as reserved,
                    (select coalesce(sum(reserved_delta), 0)::bigint from stock_movements) as moved,
                    (select count(*) from stock left join lines using (sku)
                      where reserved <> coalesce(pieces, 0)) as wrong_skus",
        )
        .fetch_one(pool)
        .await?;
        Ok(count)
    }

    /// What is wrong with `holds` more holds of so many lines, each of one piece, than there were before.
    pub fn problems(self, before: Self, holds: u64, lines: usize) -> Vec<String> {
        let mut problems = Vec::new();
        let pieces = self.pieces - before.pieces;
        if u64::try_from(pieces) != Ok(holds * lines as u64) {
            problems.push(format!(
                "{holds} holds of {lines} pieces have {pieces} pieces on their lines"
            ));
        }
        if self.reserved != self.pieces || self.moved != self.pieces || self.wrong_skus > 0 {
            problems.push(format!(
                "{} pieces are on lines, {} reserved, {} moved; {} SKUs do not agree",
                self.pieces, self.reserved, self.moved, self.wrong_skus
            ));
        }
        problems
    }
}
