//! Holds whose requests are taken together: a row lock held through a commit caps what one product can sell.

use std::time::Instant;

use async_trait::async_trait;
use chassis::{
    Result,
    batch::{Batcher, Batches, Writer},
};
use sqlx::PgPool;

use super::{PgHolds, take::take};
use crate::{
    application::ports::{Holds, Overdue, TakenHold, Taking},
    domain::{HoldKey, LoyaltyPolicy, Settlement},
};

/// The row locks keep the writers of several replicas apart.
pub struct BatchedHolds {
    holds: PgHolds,
    pub(super) batcher: Batcher<Takings>,
}

/// Requests for holds, as a batch.
pub struct Takings {
    pool: PgPool,
    policy: LoyaltyPolicy,
}

impl BatchedHolds {
    #[must_use]
    pub fn new(pool: PgPool, policy: LoyaltyPolicy) -> (Self, Writer<Takings>) {
        let holds = PgHolds::new(pool.clone(), policy);
        let (batcher, writer) = Batcher::new(Takings { pool, policy });
        (Self { holds, batcher }, writer)
    }
}

#[async_trait]
impl Batches for Takings {
    type Request = Taking;
    type Answer = TakenHold;

    const NAME: &'static str = "reservations";
    const BUSY: &'static str = "reservations-busy";

    fn rows(taking: &Taking) -> usize {
        taking.basket.lines().len()
    }

    fn deadline(taking: &Taking) -> Option<Instant> {
        taking.deadline
    }

    async fn write(&self, batch: &[Taking]) -> Result<Vec<Result<TakenHold>>> {
        take(&self.pool, &self.policy, batch).await
    }
}

#[async_trait]
impl Holds for BatchedHolds {
    async fn take(&self, taking: Taking) -> Result<TakenHold> {
        self.batcher.write(taking).await
    }

    async fn settle(&self, key: HoldKey, settlement: Settlement) -> Result<()> {
        self.holds.settle(key, settlement).await
    }

    async fn overdue(&self, limit: i64) -> Result<Vec<Overdue>> {
        self.holds.overdue(limit).await
    }
}
