use async_trait::async_trait;
use chassis::{
    Code, Error, Result,
    idempotency::{Answer, Once},
    postgres::constraint,
};
use sqlx::PgPool;
use uuid::Uuid;

use super::stock_watch::note_crossings;
use crate::{
    application::ports::{StockBook, StockLevels},
    domain::{Levels, ManualMovement, Sku},
};

pub struct PgStockBook {
    pool: PgPool,
}

impl PgStockBook {
    #[must_use]
    pub fn new(pool: PgPool) -> Self {
        Self { pool }
    }
}

#[async_trait]
impl StockBook for PgStockBook {
    async fn book(
        &self,
        sku: &Sku,
        movement: &ManualMovement,
        actor: Uuid,
        once: Option<&Once>,
    ) -> Result<Answer<StockLevels>> {
        let mut tx = self.pool.begin().await?;
        if let Some(once) = once
            && let Some(answer) = once.claim(&mut tx).await?
        {
            return Ok(Answer::again(answer));
        }
        let after = sqlx::query_as!(
            Levels,
            "update stock set on_hand = on_hand + $2
              where sku = $1 and exists (select from products where sku = $1 and active)
             returning on_hand, reserved, backorder_limit, low_threshold, low",
            sku.as_str(),
            movement.quantity(),
        )
        .fetch_optional(&mut *tx)
        .await
        .map_err(refused)?
        .ok_or_else(|| Error::not_found("no product has this SKU"))?;
        sqlx::query!(
            "insert into stock_movements (sku, kind, on_hand_delta, reserved_delta, reason, actor)
             values ($1, $2, $3, 0, $4, $5)",
            sku.as_str(),
            movement.kind().as_str(),
            movement.quantity(),
            movement.reason(),
            actor,
        )
        .execute(&mut *tx)
        .await?;
        let before = Levels {
            on_hand: after.on_hand - movement.quantity(),
            ..after
        };
        let crossing = Levels::crossed(&before, &after);
        note_crossings(&mut tx, &[(sku.clone(), after, crossing)]).await?;
        let levels = StockLevels::from(after);
        if let Some(once) = once {
            once.keep(&mut tx, &levels).await?;
        }
        tx.commit().await?;
        Ok(Answer::first(levels))
    }
}

/// The database refuses what would leave less than orders hold.
fn refused(error: sqlx::Error) -> Error {
    match constraint(&error) {
        Some("stock_not_oversold" | "stock_on_hand_not_negative") => Error::new(
            Code::Conflict,
            "stock-is-reserved",
            "the adjustment would leave less than orders hold",
        ),
        _ => error.into(),
    }
}
