use std::{sync::Arc, time::Duration};

use chassis::Result;
use uuid::Uuid;

use crate::application::ports::{Keeping, KeepingViews};

/// What orders keep of their holds, page by page, for the audit of inventory-svc.
pub struct ListKeeping {
    /// The last order of the page before.
    pub after: Option<Uuid>,
    pub limit: i64,
    /// Only orders that have not changed for so long; zero: all.
    pub settle: Duration,
}

pub struct ListKeepingHandler {
    keepings: Arc<dyn KeepingViews>,
}

impl ListKeepingHandler {
    pub(crate) fn new(keepings: Arc<dyn KeepingViews>) -> Self {
        Self { keepings }
    }

    /// # Errors
    /// `unavailable` when the database is away.
    pub async fn handle(&self, query: ListKeeping) -> Result<Vec<Keeping>> {
        let ListKeeping {
            after,
            limit,
            settle,
        } = query;
        self.keepings.page(after, limit, settle).await
    }
}
