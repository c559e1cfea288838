use std::collections::HashMap;

use async_trait::async_trait;
use chassis::{Error, Result, postgres::is_lock_timeout};
use sqlx::PgPool;
use uuid::Uuid;

use crate::application::ports::{Decision, Decisions, HoldRef};

pub struct PgDecisions {
    pool: PgPool,
}

impl PgDecisions {
    #[must_use]
    pub fn new(pool: PgPool) -> Self {
        Self { pool }
    }

    async fn close(&self, holds: &[HoldRef]) -> sqlx::Result<HashMap<HoldRef, Decision>> {
        // In the order of the key: two sweepers do not wait for each other in a ring.
        let mut holds = holds.to_vec();
        holds.sort_unstable();
        let orders: Vec<Uuid> = holds.iter().map(|hold| hold.order_id).collect();
        let hold_nos: Vec<i32> = holds.iter().map(|hold| hold.hold_no).collect();
        let mut tx = self.pool.begin().await?;
        // An order that is just being committed is waited for, but not for long: the sweeper asks again, and other holds
        // wait behind this one.
        sqlx::query!("set local lock_timeout = '200ms'")
            .execute(&mut *tx)
            .await?;
        sqlx::query!(
            "insert into decisions (order_id, hold_no, outcome)
             select order_id, hold_no, 'closed' from unnest($1::uuid[], $2::int[]) as t (order_id, hold_no)
             on conflict do nothing",
            &orders,
            &hold_nos,
        )
        .execute(&mut *tx)
        .await?;
        // A statement of its own: it sees what the insert has waited for.
        let rows = sqlx::query!(
            r#"select d.order_id, d.hold_no, d.outcome, o.status as "status?"
                 from decisions d
                 join unnest($1::uuid[], $2::int[]) as t (order_id, hold_no) using (order_id, hold_no)
                 left join orders o on o.id = d.order_id"#,
            &orders,
            &hold_nos,
        )
        .fetch_all(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok(rows
            .into_iter()
            .map(|row| {
                let hold = HoldRef {
                    order_id: row.order_id,
                    hold_no: row.hold_no,
                };
                let decision = match (row.outcome.as_str(), row.status.as_deref()) {
                    ("closed", _) => Decision::Closed,
                    (_, Some("cancelled")) => Decision::Cancelled,
                    _ => Decision::Live,
                };
                (hold, decision)
            })
            .collect())
    }
}

#[async_trait]
impl Decisions for PgDecisions {
    async fn close_uncommitted(&self, holds: &[HoldRef]) -> Result<Vec<Option<Decision>>> {
        let decided = match self.close(holds).await {
            Ok(decided) => decided,
            // One of them is being committed: it alone is left undecided.
            Err(error) if is_lock_timeout(&error) => {
                let mut decided = HashMap::new();
                for hold in holds {
                    match self.close(&[*hold]).await {
                        Ok(one) => decided.extend(one),
                        Err(error) if is_lock_timeout(&error) => {}
                        Err(error) => return Err(error.into()),
                    }
                }
                decided
            }
            Err(error) => return Err(Error::from(error)),
        };
        Ok(holds
            .iter()
            .map(|hold| decided.get(hold).copied())
            .collect())
    }

    async fn next_hold(&self, order_id: Uuid) -> Result<HoldRef> {
        let hold_no = sqlx::query_scalar!(
            r#"select coalesce(max(hold_no), 0) + 1 as "hold_no!" from decisions where order_id = $1"#,
            order_id
        )
        .fetch_one(&self.pool)
        .await?;
        Ok(HoldRef { order_id, hold_no })
    }
}
