use std::sync::Arc;

use chassis::{Error, Result};
use uuid::Uuid;

use crate::application::{CustomerView, ports::FigureViews};

/// What one customer has ordered, in each currency.
pub struct ReportCustomer {
    pub customer_id: Uuid,
}

pub struct ReportCustomerHandler {
    figures: Arc<dyn FigureViews>,
}

impl ReportCustomerHandler {
    pub(crate) fn new(figures: Arc<dyn FigureViews>) -> Self {
        Self { figures }
    }

    /// # Errors
    /// `not-found` of who has ordered nothing.
    pub async fn handle(&self, query: ReportCustomer) -> Result<Vec<CustomerView>> {
        let figures = self.figures.customer(query.customer_id).await?;
        if figures.is_empty() {
            return Err(Error::not_found("nobody of this id has ordered anything"));
        }
        Ok(figures)
    }
}
