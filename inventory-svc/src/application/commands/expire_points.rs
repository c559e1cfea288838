use std::sync::Arc;

use chassis::Result;

use crate::application::ports::{ExpiredPoints, LoyaltyBook};

/// Books the points of lots that are past their day as expired.
pub struct ExpirePoints {
    /// Lots at most; None: as many as one turn should take.
    pub limit: Option<i64>,
}

pub struct ExpirePointsHandler {
    loyalty: Arc<dyn LoyaltyBook>,
}

impl ExpirePointsHandler {
    /// Lots a turn: their accounts stay locked while it lasts.
    const BATCH: i64 = 500;

    pub(crate) fn new(loyalty: Arc<dyn LoyaltyBook>) -> Self {
        Self { loyalty }
    }

    /// # Errors
    /// `unavailable` when the database is away.
    #[tracing::instrument(name = "expire_points", skip_all)]
    pub async fn handle(&self, command: ExpirePoints) -> Result<ExpiredPoints> {
        let limit = command
            .limit
            .map_or(Self::BATCH, |limit| limit.min(Self::BATCH));
        let expired = self.loyalty.expire(limit).await?;
        metrics::counter!("points_expired_total").increment(expired.points.unsigned_abs());
        Ok(expired)
    }
}
