use std::sync::Arc;

use chassis::{
    Result,
    idempotency::{Answer, Once},
};
use uuid::Uuid;

use crate::{
    application::ports::{StockBook, StockLevels},
    domain::{ManualMovement, Sku},
};

/// Books goods that came in, or corrects a count.
pub struct BookMovement {
    pub sku: Sku,
    pub movement: ManualMovement,
    pub actor: Uuid,
    pub once: Option<Once>,
}

pub struct BookMovementHandler {
    stock: Arc<dyn StockBook>,
}

impl BookMovementHandler {
    pub(crate) fn new(stock: Arc<dyn StockBook>) -> Self {
        Self { stock }
    }

    /// # Errors
    /// `not-found`; `stock-is-reserved` when an adjustment would leave less than orders hold.
    #[tracing::instrument(name = "book_movement", skip_all, fields(product.sku = %command.sku))]
    pub async fn handle(&self, command: BookMovement) -> Result<Answer<StockLevels>> {
        self.stock
            .book(
                &command.sku,
                &command.movement,
                command.actor,
                command.once.as_ref(),
            )
            .await
    }
}
