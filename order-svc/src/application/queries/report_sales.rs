use std::sync::Arc;

use chassis::{
    Result,
    http::{List, Page},
};

use crate::application::{
    SalesView,
    ports::{Days, FigureViews},
};

/// What was sold on each day, newest first.
pub struct ReportSales {
    pub days: Days,
    pub page: Page,
}

pub struct ReportSalesHandler {
    figures: Arc<dyn FigureViews>,
}

impl ReportSalesHandler {
    pub(crate) fn new(figures: Arc<dyn FigureViews>) -> Self {
        Self { figures }
    }

    /// # Errors
    /// `validation` of the page.
    pub async fn handle(&self, query: ReportSales) -> Result<List<SalesView>> {
        let limit = query.page.limit()?;
        let after = query.page.after()?;
        let sales = self.figures.sales(query.days, after, limit + 1).await?;
        List::page(sales, limit, |sales| (sales.day, sales.currency.clone()))
    }
}
