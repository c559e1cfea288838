use std::sync::Arc;

use chassis::{
    Result,
    http::{List, Page},
};

use crate::application::{
    UsageView,
    ports::{Days, FigureViews},
};

/// How each discount code was used on each day, newest first; and points without a code.
pub struct ReportIncentiveUsage {
    /// Found whatever its case; None: all.
    pub code: Option<String>,
    pub days: Days,
    pub page: Page,
}

pub struct ReportIncentiveUsageHandler {
    figures: Arc<dyn FigureViews>,
}

impl ReportIncentiveUsageHandler {
    pub(crate) fn new(figures: Arc<dyn FigureViews>) -> Self {
        Self { figures }
    }

    /// # Errors
    /// `validation` of the page.
    pub async fn handle(&self, query: ReportIncentiveUsage) -> Result<List<UsageView>> {
        let limit = query.page.limit()?;
        let after = query.page.after()?;
        let code = query.code.as_deref().filter(|code| !code.is_empty());
        let usage = self
            .figures
            .incentive_usage(code, query.days, after, limit + 1)
            .await?;
        List::page(usage, limit, |usage| {
            let code = usage.code.clone().unwrap_or_default();
            (usage.day, code, usage.currency.clone())
        })
    }
}
