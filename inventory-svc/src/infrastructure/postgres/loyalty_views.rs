use async_trait::async_trait;
use chassis::Result;
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use crate::application::ports::{LoyaltyViews, PointsEntryView, PointsLotView, PointsView};

/// Lots that an account shows at most.
const MAX_LOTS: i64 = 100;

pub struct PgLoyaltyViews {
    pool: PgPool,
}

impl PgLoyaltyViews {
    #[must_use]
    pub fn new(pool: PgPool) -> Self {
        Self { pool }
    }
}

#[async_trait]
impl LoyaltyViews for PgLoyaltyViews {
    async fn points(&self, customer_id: Uuid) -> Result<PointsView> {
        points(&mut *self.pool.acquire().await?, customer_id).await
    }

    async fn entries(
        &self,
        customer_id: Uuid,
        before: Option<i64>,
        limit: i64,
    ) -> Result<Vec<PointsEntryView>> {
        let entries = sqlx::query_as!(
            PointsEntryView,
            r#"select id, from_account as "from", to_account as "to", points,
                      case when to_account = 'available' then points
                           when from_account = 'available' then -points
                           else 0 end as "change!",
                      reason, order_id, note, at
                 from loyalty_entries
                where customer_id = $1 and ($2::bigint is null or id < $2)
                order by id desc limit $3"#,
            customer_id,
            before,
            limit,
        )
        .fetch_all(&self.pool)
        .await?;
        Ok(entries)
    }
}

/// The points of a customer. Lots that are past their day count no more, whether they were booked as expired or not.
pub(super) async fn points(conn: &mut PgConnection, customer_id: Uuid) -> Result<PointsView> {
    let account = sqlx::query!(
        r#"select coalesce(sum(lot.remaining), 0)::bigint as "balance!",
                  coalesce(max(account.pending), 0)::bigint as "pending!",
                  coalesce(max(account.held), 0)::bigint as "held!"
             from loyalty_accounts account
             left join loyalty_lots lot on lot.customer_id = account.customer_id
                                       and lot.remaining > 0 and lot.expires_at > now()
            where account.customer_id = $1"#,
        customer_id,
    )
    .fetch_one(&mut *conn)
    .await?;
    let lots = sqlx::query_as!(
        PointsLotView,
        "select remaining as points, expires_at from loyalty_lots
          where customer_id = $1 and remaining > 0 and expires_at > now()
          order by expires_at, id limit $2",
        customer_id,
        MAX_LOTS,
    )
    .fetch_all(conn)
    .await?;
    Ok(PointsView {
        balance: account.balance,
        pending: account.pending,
        held: account.held,
        lots,
    })
}
