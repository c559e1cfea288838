use std::sync::Arc;

use chassis::Result;

use crate::{
    application::ports::QuoteViews,
    domain::{Basket, Quote},
};

/// What a basket would cost now. Nothing is held.
pub struct QuoteBasket {
    pub basket: Basket,
}

pub struct QuoteBasketHandler {
    quotes: Arc<dyn QuoteViews>,
}

impl QuoteBasketHandler {
    pub(crate) fn new(quotes: Arc<dyn QuoteViews>) -> Self {
        Self { quotes }
    }

    /// # Errors
    /// `validation` naming an unknown SKU, or a line in another currency.
    #[tracing::instrument(name = "quote_basket", skip_all)]
    pub async fn handle(&self, query: QuoteBasket) -> Result<Quote> {
        let shelf = self.quotes.shelf(&query.basket).await?;
        Ok(shelf.quote(&query.basket)?)
    }
}
