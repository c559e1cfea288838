//! The sums: a row is moved by what a batch changes, and goes when no order is left in it.

use std::collections::BTreeMap;

use chassis::Result;
use chrono::{DateTime, NaiveDate, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use super::{super::target::Schema, Contribution};

/// What is added up, under each key.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Sums {
    orders: i64,
    cancelled: i64,
    units: i64,
    gross: i64,
    discount: i64,
    points_value: i64,
    revenue: i64,
    refunded: i64,
    points: i64,
}

impl Sums {
    fn add(&mut self, order: &Contribution, sign: i64) {
        self.orders += sign;
        self.cancelled += sign * order.cancelled;
        self.units += sign * order.units;
        self.gross += sign * order.gross;
        self.discount += sign * order.discount;
        self.points_value += sign * order.points_value;
        self.revenue += sign * order.revenue;
        self.refunded += sign * order.refunded;
        self.points += sign * order.points;
    }
}

type Day = (NaiveDate, String);
type CodeDay = (String, NaiveDate, String);
type Customer = (Uuid, String);

/// By how much each sum is to be moved. Sorted by key, so that two transactions do not wait for each other in a ring.
#[derive(Default)]
pub(super) struct Moves {
    days: BTreeMap<Day, Sums>,
    codes: BTreeMap<CodeDay, Sums>,
    customers: BTreeMap<Customer, Sums>,
    /// When each customer's orders in this batch were placed: the first and the last.
    placed: BTreeMap<Customer, (DateTime<Utc>, DateTime<Utc>)>,
}

impl Moves {
    pub fn add(&mut self, order: &Contribution) {
        self.count(order, 1);
        let at = order.placed_at;
        let key = (order.customer_id, order.currency.clone());
        let (first, last) = self.placed.entry(key).or_insert((at, at));
        *first = at.min(*first);
        *last = at.max(*last);
    }

    pub fn remove(&mut self, order: &Contribution) {
        self.count(order, -1);
        let key = (order.customer_id, order.currency.clone());
        self.placed
            .entry(key)
            .or_insert((order.placed_at, order.placed_at));
    }

    fn count(&mut self, order: &Contribution, sign: i64) {
        let currency = &order.currency;
        let day = (order.day, currency.clone());
        self.days.entry(day).or_default().add(order, sign);
        if let Some(code) = &order.code {
            let key = (code.clone(), order.day, currency.clone());
            self.codes.entry(key).or_default().add(order, sign);
        }
        let customer = (order.customer_id, currency.clone());
        self.customers.entry(customer).or_default().add(order, sign);
    }

    /// As the last writes of the transaction: everybody waits for the row of today.
    pub async fn write(mut self, tx: &mut PgConnection, schema: Schema) -> Result<()> {
        // A confirmation moves nothing.
        self.days.retain(|_, sums| *sums != Sums::default());
        self.codes.retain(|_, sums| *sums != Sums::default());
        self.customers.retain(|_, sums| *sums != Sums::default());
        if !self.customers.is_empty() {
            self.write_customers(tx, schema).await?;
        }
        if !self.codes.is_empty() {
            self.write_codes(tx, schema).await?;
        }
        if !self.days.is_empty() {
            self.write_days(tx, schema).await?;
        }
        Ok(())
    }

    async fn write_days(&self, tx: &mut PgConnection, schema: Schema) -> Result<()> {
        let (days, currencies): (Vec<NaiveDate>, Vec<&str>) = self
            .days
            .keys()
            .map(|(day, currency)| (*day, currency.as_str()))
            .unzip();
        let sums = Columns::of(self.days.values());
        let lost = sums.lost;
        let statement = sqlx::query(schema.sql(
            "insert into read_model.sales_days as kept
                    (day, currency, orders, cancelled, units, gross, discount, points_value, revenue, refunded, points)
             select * from unnest($10::date[], $11::text[], $1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[],
                                  $5::bigint[], $6::bigint[], $7::bigint[], $8::bigint[], $9::bigint[])
             on conflict (day, currency) do update
                set orders = kept.orders + excluded.orders, cancelled = kept.cancelled + excluded.cancelled,
                    units = kept.units + excluded.units, gross = kept.gross + excluded.gross,
                    discount = kept.discount + excluded.discount,
                    points_value = kept.points_value + excluded.points_value,
                    revenue = kept.revenue + excluded.revenue, refunded = kept.refunded + excluded.refunded,
                    points = kept.points + excluded.points",
        ));
        sums.bind(statement)
            .bind(&days)
            .bind(&currencies)
            .execute(&mut *tx)
            .await?;
        if lost {
            sqlx::query(schema.sql(
                "delete from read_model.sales_days as kept using unnest($1::date[], $2::text[]) as moved (day, currency)
                  where kept.day = moved.day and kept.currency = moved.currency and kept.orders = 0",
            ))
            .bind(days)
            .bind(currencies)
            .execute(tx)
            .await?;
        }
        Ok(())
    }

    async fn write_codes(&self, tx: &mut PgConnection, schema: Schema) -> Result<()> {
        let codes: Vec<&str> = self.codes.keys().map(|(code, ..)| code.as_str()).collect();
        let days: Vec<NaiveDate> = self.codes.keys().map(|(_, day, _)| *day).collect();
        let currencies: Vec<&str> = self
            .codes
            .keys()
            .map(|(.., currency)| currency.as_str())
            .collect();
        let sums = Columns::of(self.codes.values());
        let lost = sums.lost;
        let statement = sqlx::query(schema.sql(
            "insert into read_model.incentive_usage as kept
                    (code, day, currency, orders, cancelled, units, gross, discount, points_value, revenue, refunded, points)
             select * from unnest($10::text[], $11::date[], $12::text[], $1::bigint[], $2::bigint[], $3::bigint[],
                                  $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[], $8::bigint[], $9::bigint[])
             on conflict (code, day, currency) do update
                set orders = kept.orders + excluded.orders, cancelled = kept.cancelled + excluded.cancelled,
                    units = kept.units + excluded.units, gross = kept.gross + excluded.gross,
                    discount = kept.discount + excluded.discount,
                    points_value = kept.points_value + excluded.points_value,
                    revenue = kept.revenue + excluded.revenue, refunded = kept.refunded + excluded.refunded,
                    points = kept.points + excluded.points",
        ));
        sums.bind(statement)
            .bind(&codes)
            .bind(&days)
            .bind(&currencies)
            .execute(&mut *tx)
            .await?;
        if lost {
            sqlx::query(schema.sql(
                "delete from read_model.incentive_usage as kept
                  using unnest($1::text[], $2::date[], $3::text[]) as moved (code, day, currency)
                  where kept.code = moved.code and kept.day = moved.day and kept.currency = moved.currency
                    and kept.orders = 0",
            ))
            .bind(codes)
            .bind(days)
            .bind(currencies)
            .execute(tx)
            .await?;
        }
        Ok(())
    }

    async fn write_customers(&self, tx: &mut PgConnection, schema: Schema) -> Result<()> {
        let (customers, currencies): (Vec<Uuid>, Vec<&str>) = self
            .customers
            .keys()
            .map(|(customer, currency)| (*customer, currency.as_str()))
            .unzip();
        let (firsts, lasts): (Vec<DateTime<Utc>>, Vec<DateTime<Utc>>) = self
            .customers
            .keys()
            .filter_map(|key| self.placed.get(key))
            .copied()
            .unzip();
        let sums = Columns::of(self.customers.values());
        let lost = sums.lost;
        let statement = sqlx::query(schema.sql(
            "insert into read_model.customers as kept
                    (customer_id, currency, orders, cancelled, units, gross, discount, points_value, revenue, refunded,
                     points, first_order_at, last_order_at)
             select * from unnest($10::uuid[], $11::text[], $1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[],
                                  $5::bigint[], $6::bigint[], $7::bigint[], $8::bigint[], $9::bigint[],
                                  $12::timestamptz[], $13::timestamptz[])
             on conflict (customer_id, currency) do update
                set orders = kept.orders + excluded.orders, cancelled = kept.cancelled + excluded.cancelled,
                    units = kept.units + excluded.units, gross = kept.gross + excluded.gross,
                    discount = kept.discount + excluded.discount,
                    points_value = kept.points_value + excluded.points_value,
                    revenue = kept.revenue + excluded.revenue, refunded = kept.refunded + excluded.refunded,
                    points = kept.points + excluded.points,
                    first_order_at = least(kept.first_order_at, excluded.first_order_at),
                    last_order_at = greatest(kept.last_order_at, excluded.last_order_at)",
        ));
        sums.bind(statement)
            .bind(&customers)
            .bind(&currencies)
            .bind(firsts)
            .bind(lasts)
            .execute(&mut *tx)
            .await?;
        if lost {
            sqlx::query(schema.sql(
                "delete from read_model.customers as kept
                  using unnest($1::uuid[], $2::text[]) as moved (customer_id, currency)
                  where kept.customer_id = moved.customer_id and kept.currency = moved.currency and kept.orders = 0",
            ))
            .bind(customers)
            .bind(currencies)
            .execute(tx)
            .await?;
        }
        Ok(())
    }
}

/// Sums, column by column.
struct Columns {
    values: [Vec<i64>; 9],
    /// Whether a key has fewer orders than before.
    lost: bool,
}

type Query<'q> = sqlx::query::Query<'q, sqlx::Postgres, sqlx::postgres::PgArguments>;

impl Columns {
    fn of<'a>(all: impl Iterator<Item = &'a Sums>) -> Self {
        let mut columns = Self {
            values: Default::default(),
            lost: false,
        };
        for sums in all {
            let Sums {
                orders,
                cancelled,
                units,
                gross,
                discount,
                points_value,
                revenue,
                refunded,
                points,
            } = *sums;
            let row = [
                orders,
                cancelled,
                units,
                gross,
                discount,
                points_value,
                revenue,
                refunded,
                points,
            ];
            for (column, value) in columns.values.iter_mut().zip(row) {
                column.push(value);
            }
            columns.lost |= orders < 0;
        }
        columns
    }

    /// As the first nine parameters.
    fn bind(self, query: Query<'_>) -> Query<'_> {
        self.values
            .into_iter()
            .fold(query, |query, column| query.bind(column))
    }
}

/// Adds all contributions up anew. No transaction that feeds the views runs until this one has ended.
pub(crate) async fn recompute(tx: &mut PgConnection) -> Result<()> {
    for statement in [
        "lock table read_model.rebuilds in access exclusive mode",
        "delete from read_model.sales_days",
        "insert into read_model.sales_days
                (day, currency, orders, cancelled, units, gross, discount, points_value, revenue, refunded, points)
         select day, currency, count(*), sum(cancelled), sum(units), sum(gross), sum(discount), sum(points_value),
                sum(revenue), sum(refunded), sum(points)
           from read_model.order_figures group by day, currency",
        "delete from read_model.incentive_usage",
        "insert into read_model.incentive_usage
                (code, day, currency, orders, cancelled, units, gross, discount, points_value, revenue, refunded, points)
         select code, day, currency, count(*), sum(cancelled), sum(units), sum(gross), sum(discount), sum(points_value),
                sum(revenue), sum(refunded), sum(points)
           from read_model.order_figures where code is not null group by code, day, currency",
        "delete from read_model.customers",
        "insert into read_model.customers
                (customer_id, currency, orders, cancelled, units, gross, discount, points_value, revenue, refunded,
                 points, first_order_at, last_order_at)
         select customer_id, currency, count(*), sum(cancelled), sum(units), sum(gross), sum(discount),
                sum(points_value), sum(revenue), sum(refunded), sum(points), min(placed_at), max(placed_at)
           from read_model.order_figures group by customer_id, currency",
    ] {
        sqlx::query(statement).execute(&mut *tx).await?;
    }
    Ok(())
}
