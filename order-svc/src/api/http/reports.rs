use std::sync::Arc;

use axum::extract::State;
use chassis::{
    Error, Problem, Result,
    http::{Json, List, Page, Path, Query},
};
use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::policy::{NotReportsReader, ReportsReader};
use crate::application::{
    App, CustomerView, SalesView, UsageView,
    ports::Days,
    queries::{ReportCustomer, ReportCustomers, ReportIncentiveUsage, ReportSales},
};

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Grouping {
    /// What makes a row: `day`, and nothing else so far.
    #[param(example = "day", pattern = "^day$")]
    by: Option<String>,
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Period {
    /// The first day, in UTC; of a time, its day.
    #[param(example = "2026-11-01")]
    from: Option<String>,
    /// The last day, in UTC; of a time, its day.
    #[param(example = "2026-11-30")]
    to: Option<String>,
}

impl Period {
    fn days(&self) -> Result<Days> {
        Ok(Days {
            from: day("from", self.from.as_deref())?,
            to: day("to", self.to.as_deref())?,
        })
    }
}

fn day(field: &str, text: Option<&str>) -> Result<Option<NaiveDate>> {
    let Some(text) = text else {
        return Ok(None);
    };
    let day = text.parse::<NaiveDate>().ok();
    let day = day.or_else(|| Some(text.parse::<DateTime<Utc>>().ok()?.date_naive()));
    day.map(Some)
        .ok_or_else(|| Error::invalid_field(field, "must be a day, like 2026-11-30"))
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct OfCode {
    /// Found whatever its case.
    #[param(example = "SAVE10")]
    code: Option<String>,
}

/// What a customer has ordered.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = CustomerReport)]
pub(super) struct CustomerBody {
    customer_id: Uuid,
    /// One for each currency.
    figures: Vec<CustomerView>,
}

/// Report sales
///
/// What was ordered on each day, newest first.
#[utoipa::path(get, path = "/v1/reports/orders", operation_id = "report_sales", tag = "reports", params(Grouping, Period, Page), security(("bearer" = [])),
    responses(
        (status = 200, description = "A page of days", body = List<SalesView>),
        NotReportsReader,
        (status = 422, description = "A parameter is not acceptable", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn sales(
    State(app): State<Arc<App>>,
    _: ReportsReader,
    Query(grouping): Query<Grouping>,
    Query(period): Query<Period>,
    Query(page): Query<Page>,
) -> Result<Json<List<SalesView>>> {
    if grouping.by.is_some_and(|by| by != "day") {
        return Err(Error::invalid_field("by", "must be day"));
    }
    let query = ReportSales {
        days: period.days()?,
        page,
    };
    Ok(Json(app.queries.report_sales.handle(query).await?))
}

/// Report the use of incentives
///
/// How each discount code was used on each day, newest first; and points that were redeemed without a code.
#[utoipa::path(get, path = "/v1/reports/incentive-usage", operation_id = "report_incentive_usage", tag = "reports", params(OfCode, Period, Page),
    security(("bearer" = [])),
    responses(
        (status = 200, description = "A page of codes and days", body = List<UsageView>),
        NotReportsReader,
        (status = 422, description = "A parameter is not acceptable", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn incentive_usage(
    State(app): State<Arc<App>>,
    _: ReportsReader,
    Query(OfCode { code }): Query<OfCode>,
    Query(period): Query<Period>,
    Query(page): Query<Page>,
) -> Result<Json<List<UsageView>>> {
    if code
        .as_deref()
        .is_some_and(|code| code.contains(char::is_control))
    {
        return Err(Error::invalid_field("code", "is no discount code"));
    }
    let query = ReportIncentiveUsage {
        code,
        days: period.days()?,
        page,
    };
    let usage = app.queries.report_incentive_usage.handle(query).await?;
    Ok(Json(usage))
}

/// Report customers
///
/// What each has ordered; first those who ordered last.
#[utoipa::path(get, path = "/v1/reports/customers", operation_id = "report_customers", tag = "reports", params(Page), security(("bearer" = [])),
    responses(
        (status = 200, description = "A page of customers", body = List<CustomerView>),
        NotReportsReader,
        (status = 422, description = "A parameter is not acceptable", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn customers(
    State(app): State<Arc<App>>,
    _: ReportsReader,
    Query(page): Query<Page>,
) -> Result<Json<List<CustomerView>>> {
    let query = ReportCustomers { page };
    Ok(Json(app.queries.report_customers.handle(query).await?))
}

/// Report a customer
///
/// What they have ordered, in each currency.
#[utoipa::path(get, path = "/v1/reports/customers/{id}", operation_id = "report_customer", tag = "reports", params(("id" = Uuid, Path, description = "The customer's id")),
    security(("bearer" = [])),
    responses(
        (status = 200, description = "What they have ordered", body = CustomerBody),
        NotReportsReader,
        (status = 404, description = "Nobody of this id has ordered anything", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn customer(
    State(app): State<Arc<App>>,
    _: ReportsReader,
    Path(customer_id): Path<Uuid>,
) -> Result<Json<CustomerBody>> {
    let query = ReportCustomer { customer_id };
    let figures = app.queries.report_customer.handle(query).await?;
    Ok(Json(CustomerBody {
        customer_id,
        figures,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_is_one_or_that_of_a_time() {
        let parsed = |text| day("from", Some(text)).map(|day| day.map(|day| day.to_string()));
        assert_eq!(parsed("2026-11-30").unwrap().as_deref(), Some("2026-11-30"));
        let late = parsed("2026-11-30T23:30:00-02:00").unwrap();
        assert_eq!(late.as_deref(), Some("2026-12-01"));
        for bad in ["", "yesterday", "2026-11-31", "2026-11"] {
            assert_eq!(parsed(bad).unwrap_err().fields()[0].field, "from", "{bad}");
        }
    }
}
