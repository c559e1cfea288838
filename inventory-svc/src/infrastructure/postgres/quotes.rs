use async_trait::async_trait;
use chassis::Result;
use sqlx::PgPool;

use super::shelf::look_at_shelf;
use crate::{
    application::ports::Quotes,
    domain::{Basket, LoyaltyPolicy, Shelf},
};

pub struct PgQuotes {
    pool: PgPool,
    policy: LoyaltyPolicy,
}

impl PgQuotes {
    #[must_use]
    pub fn new(pool: PgPool, policy: LoyaltyPolicy) -> Self {
        Self { pool, policy }
    }
}

#[async_trait]
impl Quotes for PgQuotes {
    async fn shelf(&self, basket: &Basket) -> Result<Shelf> {
        let mut connection = self.pool.acquire().await?;
        look_at_shelf(&mut connection, basket, &self.policy).await
    }
}
