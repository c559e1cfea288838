use std::sync::Arc;

use chassis::{
    Result,
    http::{List, Page},
};
use uuid::Uuid;

use crate::application::ports::{LoyaltyViews, PointsEntryView, PointsView};

/// A customer's points and how they came about.
pub struct GetLoyalty {
    pub customer_id: Uuid,
    pub page: Page,
}

pub struct LoyaltyReport {
    pub points: PointsView,
    /// Newest first.
    pub ledger: List<PointsEntryView>,
}

pub struct GetLoyaltyHandler {
    views: Arc<dyn LoyaltyViews>,
}

impl GetLoyaltyHandler {
    pub(crate) fn new(views: Arc<dyn LoyaltyViews>) -> Self {
        Self { views }
    }

    /// # Errors
    /// `validation` of the page.
    pub async fn handle(&self, query: GetLoyalty) -> Result<LoyaltyReport> {
        let limit = query.page.limit()?;
        let before: Option<i64> = query.page.after()?;
        let points = self.views.points(query.customer_id).await?;
        let ledger = self
            .views
            .entries(query.customer_id, before, limit + 1)
            .await?;
        let ledger = List::page(ledger, limit, |entry| entry.id)?;
        Ok(LoyaltyReport { points, ledger })
    }
}
