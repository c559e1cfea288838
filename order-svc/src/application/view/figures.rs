use chrono::{DateTime, NaiveDate, Utc};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

/// What was sold on a day, by when it was ordered. Amounts are minor units of `currency` and count what was not cancelled:
/// `gross - discount - points_value = revenue`, and `revenue - refunded = net`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = Sales)]
pub struct SalesView {
    /// In UTC.
    pub day: NaiveDate,
    /// ISO 4217.
    #[schema(example = "GBP")]
    pub currency: String,
    /// All that were placed.
    pub orders: i64,
    /// Of these, those that were cancelled in whole.
    pub cancelled: i64,
    /// Pieces.
    pub units: i64,
    /// Before discount and points.
    #[schema(example = 1530)]
    pub gross: i64,
    #[schema(example = 153)]
    pub discount: i64,
    /// What points paid.
    pub points_value: i64,
    #[schema(example = 1377)]
    pub revenue: i64,
    pub refunded: i64,
    #[schema(example = 1377)]
    pub net: i64,
}

/// How a discount code was used on a day, by when it was ordered. Amounts are minor units of `currency` and count what was
/// not cancelled.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = IncentiveUsage)]
pub struct UsageView {
    /// As its owner wrote it; null for points that were redeemed without a code.
    #[schema(example = "SAVE10")]
    pub code: Option<String>,
    /// In UTC.
    pub day: NaiveDate,
    /// ISO 4217.
    #[schema(example = "GBP")]
    pub currency: String,
    /// Orders.
    pub uses: i64,
    /// Of these, those that were cancelled in whole.
    pub cancelled: i64,
    /// What the code took off.
    #[schema(example = 153)]
    pub discount: i64,
    /// What these orders cost after discount and points.
    #[schema(example = 1377)]
    pub revenue: i64,
    /// Points that were redeemed and have not come back.
    pub points: i64,
    /// What points paid.
    pub points_value: i64,
}

/// What a customer has ordered. Amounts are minor units of `currency` and count what was not cancelled.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = CustomerFigures)]
pub struct CustomerView {
    pub customer_id: Uuid,
    /// ISO 4217.
    #[schema(example = "GBP")]
    pub currency: String,
    /// All that were placed.
    pub orders: i64,
    /// Of these, those that were cancelled in whole.
    pub cancelled: i64,
    /// Pieces.
    pub units: i64,
    #[schema(example = 1377)]
    pub revenue: i64,
    pub refunded: i64,
    /// `revenue - refunded`.
    #[schema(example = 1377)]
    pub net: i64,
    pub first_order_at: DateTime<Utc>,
    pub last_order_at: DateTime<Utc>,
}
