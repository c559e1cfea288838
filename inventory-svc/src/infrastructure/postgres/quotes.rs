use async_trait::async_trait;
use chassis::Result;
use sqlx::PgPool;

use super::shelf::look_at_shelf;
use crate::{
    application::ports::QuoteViews,
    domain::{Basket, LoyaltyPolicy, Shelf},
};

pub struct PgQuoteViews {
    pool: PgPool,
    policy: LoyaltyPolicy,
}

impl PgQuoteViews {
    #[must_use]
    pub fn new(pool: PgPool, policy: LoyaltyPolicy) -> Self {
        Self { pool, policy }
    }
}

#[async_trait]
impl QuoteViews for PgQuoteViews {
    async fn shelf(&self, basket: &Basket) -> Result<Shelf> {
        let mut connection = self.pool.acquire().await?;
        look_at_shelf(&mut connection, basket, &self.policy).await
    }
}
