use std::sync::Arc;

use chassis::{
    Result,
    http::{List, Page},
};

use crate::application::{CustomerView, ports::FigureViews};

/// What each customer has ordered; first those who ordered last.
pub struct ReportCustomers {
    pub page: Page,
}

pub struct ReportCustomersHandler {
    figures: Arc<dyn FigureViews>,
}

impl ReportCustomersHandler {
    pub(crate) fn new(figures: Arc<dyn FigureViews>) -> Self {
        Self { figures }
    }

    /// # Errors
    /// `validation` of the page.
    pub async fn handle(&self, query: ReportCustomers) -> Result<List<CustomerView>> {
        let limit = query.page.limit()?;
        let after = query.page.after()?;
        let customers = self.figures.customers(after, limit + 1).await?;
        List::page(customers, limit, |customer| {
            let currency = customer.currency.clone();
            (customer.last_order_at, customer.customer_id, currency)
        })
    }
}
