use std::time::Duration;

use async_trait::async_trait;
use chassis::{
    Result,
    idempotency::{Answer, Once},
};
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use super::{
    loyalty::{lock_accounts, lock_customers},
    loyalty_views,
};
use crate::{
    application::ports::{ExpiredPoints, LoyaltyBook, PointsView},
    domain::{Adjustment, LotUse, NotEnoughPoints},
};

pub struct PgLoyaltyBook {
    pool: PgPool,
    /// Of points that are granted.
    life: Duration,
}

impl PgLoyaltyBook {
    #[must_use]
    pub fn new(pool: PgPool, life: Duration) -> Self {
        Self { pool, life }
    }
}

#[async_trait]
impl LoyaltyBook for PgLoyaltyBook {
    async fn adjust(
        &self,
        customer_id: Uuid,
        adjustment: &Adjustment,
        actor: Uuid,
        once: Option<&Once>,
    ) -> Result<Answer<PointsView>> {
        let mut tx = self.pool.begin().await?;
        if let Some(once) = once
            && let Some(answer) = once.claim(&mut tx).await?
        {
            return Ok(Answer::again(answer));
        }
        if adjustment.points() > 0 {
            lock_customers(&mut tx, &[customer_id]).await?;
            grant(&mut tx, customer_id, adjustment, actor, self.life).await?;
        } else {
            let mut accounts = lock_accounts(&mut tx, &[customer_id]).await?;
            let uses = accounts
                .get_mut(&customer_id)
                .ok_or(NotEnoughPoints { balance: 0 })?
                .spend(-adjustment.points())?;
            take_away(&mut tx, customer_id, adjustment, actor, &uses).await?;
        }
        let points = loyalty_views::points(&mut tx, customer_id).await?;
        if let Some(once) = once {
            once.keep(&mut tx, &points).await?;
        }
        tx.commit().await?;
        Ok(Answer::first(points))
    }

    async fn expire(&self, limit: i64) -> Result<ExpiredPoints> {
        let mut tx = self.pool.begin().await?;
        let due = sqlx::query!(
            "select id, customer_id from loyalty_lots where remaining > 0 and expires_at <= now()
              order by expires_at, id limit $1",
            limit
        )
        .fetch_all(&mut *tx)
        .await?;
        if due.is_empty() {
            return Ok(ExpiredPoints::default());
        }
        let (lots, customers): (Vec<i64>, Vec<Uuid>) =
            due.into_iter().map(|row| (row.id, row.customer_id)).unzip();
        lock_customers(&mut tx, &customers).await?;
        // Read anew: somebody may have expired them, or spent of them, since.
        let expired = sqlx::query_as!(
            ExpiredPoints,
            r#"with due as (
                 select id, customer_id, remaining from loyalty_lots where id = any($1) and remaining > 0
             ), booked as (
                 insert into loyalty_entries (customer_id, from_account, to_account, points, reason, lot_id)
                 select customer_id, 'available', 'expired', remaining, 'expired', id from due order by id
                 on conflict (lot_id) where reason = 'expired' do nothing
                 returning customer_id, lot_id, points
             ), emptied as (
                 update loyalty_lots lot
                    set remaining = lot.remaining - booked.points, expired = lot.expired + booked.points
                   from booked where lot.id = booked.lot_id
             ), balanced as (
                 update loyalty_accounts account set available = account.available - total.points
                   from (select customer_id, sum(points)::bigint as points from booked group by customer_id) as total
                  where account.customer_id = total.customer_id
             )
             select count(*) as "lots!", coalesce(sum(points), 0)::bigint as "points!" from booked"#,
            &lots,
        )
        .fetch_one(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok(expired)
    }
}

async fn grant(
    tx: &mut PgConnection,
    customer_id: Uuid,
    adjustment: &Adjustment,
    actor: Uuid,
    life: Duration,
) -> Result<()> {
    sqlx::query!(
        "with lot as (
             insert into loyalty_lots (customer_id, points, remaining, expires_at)
             values ($1, $2, $2, clock_timestamp() + make_interval(secs => $3))
             returning id
         ), booked as (
             insert into loyalty_entries (customer_id, from_account, to_account, points, reason, lot_id, actor, note)
             select $1, 'issued', 'available', $2, 'adjustment', id, $4, $5 from lot
         )
         update loyalty_accounts set available = available + $2 where customer_id = $1",
        customer_id,
        adjustment.points(),
        life.as_secs_f64(),
        actor,
        adjustment.reason(),
    )
    .execute(tx)
    .await?;
    Ok(())
}

async fn take_away(
    tx: &mut PgConnection,
    customer_id: Uuid,
    adjustment: &Adjustment,
    actor: Uuid,
    uses: &[LotUse],
) -> Result<()> {
    let (lots, points): (Vec<i64>, Vec<i64>) =
        uses.iter().map(|used| (used.lot_id, used.points)).unzip();
    sqlx::query!(
        "with emptied as (
             update loyalty_lots lot set remaining = lot.remaining - used.points
               from unnest($3::bigint[], $4::bigint[]) as used (lot_id, points) where lot.id = used.lot_id
         ), booked as (
             insert into loyalty_entries (customer_id, from_account, to_account, points, reason, actor, note)
             values ($1, 'available', 'issued', $2, 'adjustment', $5, $6)
         )
         update loyalty_accounts set available = available - $2 where customer_id = $1",
        customer_id,
        -adjustment.points(),
        &lots,
        &points,
        actor,
        adjustment.reason(),
    )
    .execute(tx)
    .await?;
    Ok(())
}
