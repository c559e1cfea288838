use std::sync::Arc;

use chassis::Result;
use uuid::Uuid;

use crate::application::{
    errors::unknown_order,
    ports::HistoryViews,
    view::{EventView, HistoryView},
};

/// What happened to an order, and who did it, oldest first.
pub struct GetHistory {
    pub order_id: Uuid,
    /// None for who may see every order.
    pub owner: Option<Uuid>,
}

pub struct GetHistoryHandler {
    histories: Arc<dyn HistoryViews>,
}

impl GetHistoryHandler {
    pub(crate) fn new(histories: Arc<dyn HistoryViews>) -> Self {
        Self { histories }
    }

    /// # Errors
    /// `not-found`.
    pub async fn handle(&self, query: GetHistory) -> Result<HistoryView> {
        let GetHistory { order_id, owner } = query;
        let events = self.histories.history(order_id, owner).await?;
        if events.is_empty() {
            return Err(unknown_order());
        }
        // A customer learns that somebody of the staff did it, but not who.
        let shows_staff = owner.is_none();
        let items = events
            .into_iter()
            .map(|event| EventView::new(event, shows_staff))
            .collect();
        Ok(HistoryView { items })
    }
}
