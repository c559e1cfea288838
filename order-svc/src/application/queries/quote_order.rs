use std::sync::Arc;

use chassis::Result;
use uuid::Uuid;

use crate::{
    application::{ports::QuoteViews, view::QuoteView},
    domain::Basket,
};

/// What a basket would cost its customer now. Nothing is held: an order may find less stock, or a code used up.
pub struct QuoteOrder {
    pub customer_id: Uuid,
    pub basket: Basket,
}

pub struct QuoteOrderHandler {
    quotes: Arc<dyn QuoteViews>,
}

impl QuoteOrderHandler {
    pub(crate) fn new(quotes: Arc<dyn QuoteViews>) -> Self {
        Self { quotes }
    }

    /// # Errors
    /// `validation` naming an unknown SKU or a bad quantity; `unavailable` when inventory-svc is away. A code or points that
    /// cannot be used are no error: the quote says why.
    #[tracing::instrument(name = "quote_order", skip_all)]
    pub async fn handle(&self, query: QuoteOrder) -> Result<QuoteView> {
        let quote = self.quotes.quote(query.customer_id, &query.basket).await?;
        Ok(QuoteView::new(&query.basket, quote))
    }
}
