use std::sync::Arc;

use chassis::{
    Error, Result,
    http::{List, Page},
};
use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::{
    application::{
        OrderView,
        freshness::Freshness,
        ports::{Filter, OrderViews},
        search::Sought,
    },
    domain::Status,
};

/// Orders, newest first.
pub struct ListOrders {
    /// None for who may see every order.
    pub owner: Option<Uuid>,
    /// Whose orders; None: of all that may be seen.
    pub customer_id: Option<Uuid>,
    pub status: Option<Status>,
    /// Placed at or after.
    pub from: Option<DateTime<Utc>>,
    /// Placed before.
    pub to: Option<DateTime<Utc>>,
    /// With a line of this SKU.
    pub sku: Option<String>,
    /// What the words of the order begin with: of its names, SKUs, discount code, id.
    pub text: Option<String>,
    pub page: Page,
}

/// The longest text to search by, in characters.
const MAX_TEXT: usize = 100;

pub struct ListOrdersHandler {
    views: Arc<dyn OrderViews>,
    freshness: Freshness,
}

impl ListOrdersHandler {
    pub(crate) fn new(views: Arc<dyn OrderViews>, freshness: Freshness) -> Self {
        Self { views, freshness }
    }

    /// # Errors
    /// `validation` of the page and of the text.
    pub async fn handle(&self, query: ListOrders) -> Result<List<OrderView>> {
        let limit = query.page.limit()?;
        let filter = Filter {
            customer: query.owner.or(query.customer_id),
            status: query.status,
            from: query.from,
            to: query.to,
            sku: query.sku.filter(|sku| !sku.is_empty()),
            text: sought(query.text.as_deref().unwrap_or_default())?,
            after: query.page.after()?,
            limit: limit + 1,
        };
        if let (Some(owner), Some(other)) = (query.owner, query.customer_id)
            && owner != other
        {
            return Ok(List {
                items: Vec::new(),
                next: None,
            });
        }
        if let Some(owner) = query.owner {
            // Late is better than never: the list is answered even if the newest order is still missing.
            self.freshness.of_customer(&self.views, owner).await?;
        }
        let orders = self.views.orders(&filter).await?;
        List::page(orders, limit, |order| (order.placed_at, order.id))
    }
}

fn sought(text: &str) -> Result<Vec<Sought>> {
    if text.chars().count() > MAX_TEXT {
        let detail = format!("at most {MAX_TEXT} characters");
        return Err(Error::invalid_field("q", detail));
    }
    let sought = Sought::parse(text);
    if sought.is_empty() && !text.trim().is_empty() {
        return Err(Error::invalid_field("q", "must have a letter or a digit"));
    }
    Ok(sought)
}
