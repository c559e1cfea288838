use std::sync::Arc;

use chassis::{
    Result,
    http::{List, Page},
};
use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::{
    application::{
        OrderView,
        freshness::Freshness,
        ports::{Filter, OrderViews},
    },
    domain::Status,
};

/// Orders, newest first.
pub struct ListOrders {
    /// None for who may see every order.
    pub owner: Option<Uuid>,
    pub status: Option<Status>,
    /// Placed at or after.
    pub from: Option<DateTime<Utc>>,
    /// Placed before.
    pub to: Option<DateTime<Utc>>,
    pub page: Page,
}

pub struct ListOrdersHandler {
    views: Arc<dyn OrderViews>,
    freshness: Freshness,
}

impl ListOrdersHandler {
    pub(crate) fn new(views: Arc<dyn OrderViews>, freshness: Freshness) -> Self {
        Self { views, freshness }
    }

    /// # Errors
    /// `validation` of the page.
    pub async fn handle(&self, query: ListOrders) -> Result<List<OrderView>> {
        let limit = query.page.limit()?;
        let filter = Filter {
            owner: query.owner,
            status: query.status,
            from: query.from,
            to: query.to,
            after: query.page.after()?,
            limit: limit + 1,
        };
        if let Some(owner) = query.owner {
            // Late is better than never: the list is answered even if the newest order is still missing.
            self.freshness.of_customer(&self.views, owner).await?;
        }
        let orders = self.views.orders(&filter).await?;
        List::page(orders, limit, |order| (order.placed_at, order.id))
    }
}
