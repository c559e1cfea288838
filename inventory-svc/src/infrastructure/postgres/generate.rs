//! Goods, and what orders of the past did with them, by the thousand: for trials with as many as a shop has after years.
//! Holds are brought from version to version of their order by the domain, and written as they would have been left.

use std::{collections::BTreeMap, time::Duration};

use anyhow::Context as _;
use chassis::postgres::{Copy, bytea};
use chrono::{DateTime, TimeDelta, Utc};
use proto::events::order::OrderData;
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use super::{catalogue::list, holds::fingerprint};
use crate::{
    domain::{
        Basket, Hold, HoldKey, HoldLine, HoldState, Move, MovementKind, Quantity, RequestLine, Sku,
    },
    infrastructure::consumers::target_of,
};

/// Pieces of each product that are there before the first order. What orders take of them is delivered anew.
pub const OPENING_STOCK: i64 = 1_000_000;

/// A product.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Goods {
    pub sku: String,
    pub name: String,
    /// Minor units, for one piece.
    pub price: i64,
    /// ISO 4217.
    pub currency: String,
}

/// Makes those products that are missing, with [`OPENING_STOCK`], as of `at`; answers all of them as they stand.
///
/// # Errors
/// When the database is away.
pub async fn stock(
    pool: &PgPool,
    goods: &[Goods],
    at: DateTime<Utc>,
) -> anyhow::Result<Vec<Goods>> {
    let skus: Vec<String> = goods.iter().map(|goods| goods.sku.clone()).collect();
    let names: Vec<String> = goods.iter().map(|goods| goods.name.clone()).collect();
    let prices: Vec<i64> = goods.iter().map(|goods| goods.price).collect();
    let currencies: Vec<String> = goods.iter().map(|goods| goods.currency.clone()).collect();
    let mut tx = pool.begin().await?;
    let made = sqlx::query_scalar!(
        "insert into products (sku, name, price, currency, created_at, updated_at)
         select sku, name, price, currency, $5, $5
           from unnest($1::text[], $2::text[], $3::bigint[], $4::text[]) as t (sku, name, price, currency)
          order by sku
         on conflict (sku) do nothing
         returning sku",
        &skus,
        &names,
        &prices,
        &currencies,
        at,
    )
    .fetch_all(&mut *tx)
    .await?;
    sqlx::query!(
        "with stocked as (
             insert into stock (sku, on_hand) select sku, $2 from unnest($1::text[]) as t (sku)
             returning sku, on_hand
         )
         insert into stock_movements (sku, kind, on_hand_delta, reserved_delta, reason, at)
         select sku, 'receipt', on_hand, 0, 'opening stock', $3 from stocked",
        &made,
        OPENING_STOCK,
        at,
    )
    .execute(&mut *tx)
    .await?;
    list(&mut tx, &made).await.context("the list of products")?;
    tx.commit().await?;
    let known = sqlx::query_as!(
        Goods,
        "select sku, name, price, currency from products where sku = any($1)",
        &skus
    )
    .fetch_all(pool)
    .await?;
    let mut known: BTreeMap<String, Goods> = known
        .into_iter()
        .map(|goods| (goods.sku.clone(), goods))
        .collect();
    // In the order in which they were asked for.
    Ok(skus.iter().filter_map(|sku| known.remove(sku)).collect())
}

/// The rows of some orders' holds, and what they did to the stock.
pub struct Rows {
    /// Each before those that refer to it.
    tables: [Copy; 4],
    stock: BTreeMap<String, Levels>,
}

/// By how many pieces the stock of a SKU changed.
#[derive(Default)]
struct Levels {
    /// All that was ever taken, and is delivered anew.
    delivered: i64,
    on_hand: i64,
    reserved: i64,
}

impl Rows {
    /// `orders`: of each the payloads of its events, oldest first. A hold lives for `ttl` until it is confirmed.
    ///
    /// # Errors
    /// When no order could have gone that way.
    pub fn of<'a, I>(orders: impl IntoIterator<Item = I>, ttl: Duration) -> anyhow::Result<Self>
    where
        I: IntoIterator<Item = &'a OrderData>,
    {
        let mut writing = Writing::new(ttl);
        for events in orders {
            writing.order(events)?;
        }
        writing.finish()
    }

    /// Writes them in the caller's transaction.
    ///
    /// # Errors
    /// When one is there already, or the database is away.
    pub async fn write(self, tx: &mut PgConnection) -> anyhow::Result<()> {
        let skus: Vec<String> = self.stock.keys().cloned().collect();
        let levels = |level: fn(&Levels) -> i64| self.stock.values().map(level).collect::<Vec<_>>();
        sqlx::query!(
            "select sku from stock where sku = any($1) order by sku for no key update",
            &skus
        )
        .fetch_all(&mut *tx)
        .await?;
        sqlx::query!(
            "update stock set on_hand = stock.on_hand + t.on_hand, reserved = stock.reserved + t.reserved
               from unnest($1::text[], $2::bigint[], $3::bigint[]) as t (sku, on_hand, reserved)
              where stock.sku = t.sku",
            &skus,
            &levels(|levels| levels.delivered + levels.on_hand),
            &levels(|levels| levels.reserved),
        )
        .execute(&mut *tx)
        .await?;
        // There may be some again of what was sold out.
        let other = sqlx::query_scalar!(
            "select sku from read_model.products as listed join stock using (sku)
              where sku = any($1) and in_stock is distinct from on_hand + backorder_limit > reserved",
            &skus
        )
        .fetch_all(&mut *tx)
        .await?;
        list(tx, &other).await.context("the list of products")?;
        for table in self.tables {
            table.write(tx).await?;
        }
        Ok(())
    }
}

struct Writing {
    ttl: TimeDelta,
    holds: Copy,
    lines: Copy,
    movements: Copy,
    followed: Copy,
    stock: BTreeMap<String, Levels>,
    /// When the first of the orders was placed.
    begun: Option<DateTime<Utc>>,
}

impl Writing {
    fn new(ttl: Duration) -> Self {
        Self {
            ttl: TimeDelta::from_std(ttl).unwrap_or(TimeDelta::MAX),
            holds: Copy::into(
                "holds (order_id, hold_no, state, token, customer_id, fingerprint, currency, version, expires_at,
                        created_at, updated_at)",
            ),
            lines: Copy::into(
                "hold_lines (order_id, hold_no, line_no, sku, name, quantity, released, unit_price, discount, available,
                             points_value, restocked)",
            ),
            movements: Copy::into(
                "stock_movements (sku, kind, on_hand_delta, reserved_delta, order_id, hold_no, reason, at)",
            ),
            followed: Copy::into("followed_orders (order_id, version)"),
            stock: BTreeMap::new(),
            begun: None,
        }
    }

    /// Takes the hold of an order, and follows the order.
    fn order<'a>(&mut self, events: impl IntoIterator<Item = &'a OrderData>) -> anyhow::Result<()> {
        let mut events = events.into_iter().peekable();
        let placed = *events.peek().context("an order of which nothing is told")?;
        self.begun.get_or_insert(placed.placed_at);
        let mut hold = taken(placed)?;
        for line in &hold.lines {
            let reserved = Move {
                key: hold.key,
                sku: line.sku.clone(),
                kind: MovementKind::Reservation,
                quantity: line.quantity,
            };
            self.moved(&reserved, placed.placed_at)?;
        }
        let (mut version, mut followed, mut changed) = (1_i64, 0, placed.placed_at);
        for event in events {
            let target = target_of(event.clone()).context("an order's event")?;
            let mut holds = [hold];
            let changes = target.reach(&mut holds)?;
            [hold] = holds;
            followed = event.version;
            if changes.is_empty() {
                continue;
            }
            (version, changed) = (version + 1, event.updated_at);
            for change in &changes.moves {
                self.moved(change, changed)?;
            }
        }
        self.followed.row((placed.order_id, followed))?;
        self.holds.row((
            hold.key.order_id,
            hold.key.hold_no,
            hold.state.as_str(),
            hold.token,
            placed.customer_id,
            bytea(&fingerprint(&basket(placed)?)),
            &placed.currency,
            version,
            placed.placed_at + self.ttl,
            placed.placed_at,
            changed,
        ))?;
        for ((line_no, bought), kept) in (1_i32..).zip(&placed.lines).zip(&hold.lines) {
            self.lines.row((
                hold.key.order_id,
                hold.key.hold_no,
                line_no,
                &bought.sku,
                &bought.name,
                bought.quantity,
                bought.quantity - kept.quantity,
                bought.unit_price,
                bought.discount,
                OPENING_STOCK,
                bought.points_value,
                kept.restocked,
            ))?;
        }
        Ok(())
    }

    fn moved(&mut self, change: &Move, at: DateTime<Utc>) -> anyhow::Result<()> {
        let (on_hand, reserved) = (change.on_hand_delta(), change.reserved_delta());
        let levels = self.stock.entry(change.sku.to_string()).or_default();
        levels.on_hand += on_hand;
        levels.reserved += reserved;
        if change.kind == MovementKind::Reservation {
            levels.delivered += change.quantity;
        }
        self.movements.row((
            change.sku.as_str(),
            change.kind.as_str(),
            on_hand,
            reserved,
            change.key.order_id,
            change.key.hold_no,
            None::<&str>,
            at,
        ))
    }

    fn finish(mut self) -> anyhow::Result<Rows> {
        for (sku, levels) in &self.stock {
            self.movements.row((
                sku,
                MovementKind::Receipt.as_str(),
                levels.delivered,
                0,
                None::<Uuid>,
                None::<i32>,
                "delivery",
                self.begun,
            ))?;
        }
        Ok(Rows {
            tables: [self.holds, self.lines, self.movements, self.followed],
            stock: self.stock,
        })
    }
}

/// The hold as it was when the order took it.
fn taken(placed: &OrderData) -> anyhow::Result<Hold> {
    let [hold_no] = placed.holds[..] else {
        anyhow::bail!("order {} takes more than one hold", placed.order_id);
    };
    Ok(Hold {
        key: HoldKey {
            order_id: placed.order_id,
            hold_no,
        },
        state: HoldState::Held,
        token: Some(Uuid::new_v4()),
        lines: placed
            .lines
            .iter()
            .map(|line| {
                Ok(HoldLine {
                    sku: Sku::parse(&line.sku)?,
                    quantity: line.quantity,
                    restocked: 0,
                })
            })
            .collect::<anyhow::Result<_>>()?,
    })
}

/// What was asked for.
fn basket(placed: &OrderData) -> anyhow::Result<Basket> {
    let lines = placed
        .lines
        .iter()
        .enumerate()
        .map(|(index, line)| {
            Ok(RequestLine {
                sku: Sku::parse(&line.sku)?,
                quantity: Quantity::parse(line.quantity).context("a quantity")?,
                index,
            })
        })
        .collect::<anyhow::Result<_>>()?;
    Ok(Basket::new(placed.customer_id, lines, None)?)
}
