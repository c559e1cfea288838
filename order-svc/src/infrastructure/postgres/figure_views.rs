use async_trait::async_trait;
use chassis::Result;
use chrono::{DateTime, NaiveDate, Utc};
use sqlx::PgPool;
use uuid::Uuid;

use crate::application::{
    CustomerView, SalesView, UsageView,
    ports::{Days, FigureViews},
};

/// Reads what orders add up to.
pub struct PgFigureViews {
    pool: PgPool,
}

impl PgFigureViews {
    #[must_use]
    pub fn new(pool: PgPool) -> Self {
        Self { pool }
    }
}

#[async_trait]
impl FigureViews for PgFigureViews {
    async fn sales(
        &self,
        days: Days,
        after: Option<(NaiveDate, String)>,
        limit: i64,
    ) -> Result<Vec<SalesView>> {
        let (after_day, after_currency) = after.unzip();
        let sales = sqlx::query_as!(
            SalesView,
            r#"select day, currency, orders, cancelled, units, gross, discount, points_value, revenue, refunded,
                      revenue - refunded as "net!"
                 from read_model.sales_days
                where ($1::date is null or day >= $1) and ($2::date is null or day <= $2)
                  and ($3::date is null or (day, currency) < ($3, $4))
                order by day desc, currency desc limit $5"#,
            days.from,
            days.to,
            after_day,
            after_currency,
            limit,
        )
        .fetch_all(&self.pool)
        .await?;
        Ok(sales)
    }

    async fn incentive_usage(
        &self,
        code: Option<&str>,
        days: Days,
        after: Option<(NaiveDate, String, String)>,
        limit: i64,
    ) -> Result<Vec<UsageView>> {
        let (after_day, after_code, after_currency) = match after {
            Some((day, code, currency)) => (Some(day), Some(code), Some(currency)),
            None => (None, None, None),
        };
        let usage = sqlx::query_as!(
            UsageView,
            r#"select nullif(code, '') as code, day, currency, orders as uses, cancelled, discount, revenue, points,
                      points_value
                 from read_model.incentive_usage
                where ($1::text is null or lower(code) = lower($1))
                  and ($2::date is null or day >= $2) and ($3::date is null or day <= $3)
                  and ($4::date is null or (day, code, currency) < ($4, $5, $6))
                order by day desc, incentive_usage.code desc, currency desc limit $7"#,
            code,
            days.from,
            days.to,
            after_day,
            after_code,
            after_currency,
            limit,
        )
        .fetch_all(&self.pool)
        .await?;
        Ok(usage)
    }

    async fn customers(
        &self,
        after: Option<(DateTime<Utc>, Uuid, String)>,
        limit: i64,
    ) -> Result<Vec<CustomerView>> {
        let (after_time, after_id, after_currency) = match after {
            Some((time, id, currency)) => (Some(time), Some(id), Some(currency)),
            None => (None, None, None),
        };
        let customers = sqlx::query_as!(
            CustomerView,
            r#"select customer_id, currency, orders, cancelled, units, revenue, refunded, revenue - refunded as "net!",
                      first_order_at, last_order_at
                 from read_model.customers
                where ($1::timestamptz is null or (last_order_at, customer_id, currency) < ($1, $2, $3))
                order by last_order_at desc, customer_id desc, currency desc limit $4"#,
            after_time,
            after_id,
            after_currency,
            limit,
        )
        .fetch_all(&self.pool)
        .await?;
        Ok(customers)
    }

    async fn customer(&self, id: Uuid) -> Result<Vec<CustomerView>> {
        let customer = sqlx::query_as!(
            CustomerView,
            r#"select customer_id, currency, orders, cancelled, units, revenue, refunded, revenue - refunded as "net!",
                      first_order_at, last_order_at
                 from read_model.customers where customer_id = $1 order by currency"#,
            id,
        )
        .fetch_all(&self.pool)
        .await?;
        Ok(customer)
    }
}
