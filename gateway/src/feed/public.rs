//! What of an event the world may see. What stands here is told, and nothing else: a field that an event gains later stays
//! between our services until somebody adds it here.

use anyhow::bail;
use bytes::Bytes;
use chrono::{DateTime, Utc};
use proto::{
    cloudevents::CloudEvent,
    events::{incentive::Reversal, order::Status},
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::frames;

/// The attributes of a CloudEvent that are told; `traceparent` is ours.
#[derive(Serialize)]
struct Envelope<'a, T> {
    specversion: &'a str,
    id: Uuid,
    source: &'a str,
    #[serde(rename = "type")]
    kind: &'a str,
    subject: &'a str,
    time: DateTime<Utc>,
    datacontenttype: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    aggregateversion: Option<i64>,
    data: &'a T,
}

/// The whole order after the change. Amounts are minor units of `currency`.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = OrderEventData)]
pub(crate) struct OrderData {
    order_id: Uuid,
    customer_id: Uuid,
    /// placed, confirmed, shipped, delivered or cancelled.
    #[schema(value_type = String, example = "confirmed")]
    status: Status,
    /// Of two events of one order, the higher is the newer.
    version: i64,
    /// ISO 4217.
    #[schema(example = "GBP")]
    currency: String,
    lines: Vec<Line>,
    subtotal: i64,
    discount: i64,
    points_redeemed: i64,
    #[serde(default)]
    points_returned: i64,
    /// After discount, points and cancelled quantities.
    total: i64,
    refunded: i64,
    #[serde(default)]
    points_withheld: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    incentive: Option<Incentive>,
    /// Why it was cancelled or returned.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    placed_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = OrderEventLine)]
pub(crate) struct Line {
    sku: String,
    name: String,
    quantity: i64,
    unit_price: i64,
    discount: i64,
    #[serde(default)]
    points_value: i64,
    total: i64,
    cancelled_quantity: i64,
    returned_quantity: i64,
}

#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = OrderEventIncentive)]
pub(crate) struct Incentive {
    #[serde(skip_serializing_if = "Option::is_none")]
    discount_code: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    redeem_points: Option<i64>,
}

/// Points of the customer that an order moved.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = PointsEventData)]
pub(crate) struct PointsData {
    customer_id: Uuid,
    order_id: Uuid,
    points: i64,
    /// Of `incentive.points_reversed.v1`: `earned` points went back to the shop, `redeemed` ones to the customer.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    reversal: Option<Reversal>,
    /// Of earned points that went back: those that had been spent before.
    #[serde(skip_serializing_if = "Option::is_none")]
    withheld: Option<i64>,
}

/// An event as the world may see it, and whom it concerns.
pub(super) struct Told {
    pub(super) customer: Uuid,
    /// An order's own events, not those about points that it moved.
    pub(super) order: Option<Uuid>,
    /// As the stream sends it.
    pub(super) frame: Bytes,
}

/// # Errors
/// When the event has not the shape that its type stands for.
pub(super) fn tell(offset: u64, event: &CloudEvent) -> anyhow::Result<Told> {
    match event.kind.split('.').next() {
        Some("order") => {
            let data: OrderData = event.data()?;
            Ok(Told {
                customer: data.customer_id,
                order: Some(data.order_id),
                frame: frame(offset, event, &data)?,
            })
        }
        Some("incentive") => {
            let data: PointsData = event.data()?;
            Ok(Told {
                customer: data.customer_id,
                order: None,
                frame: frame(offset, event, &data)?,
            })
        }
        _ => bail!("`{}` concerns no customer", event.kind),
    }
}

fn frame(offset: u64, event: &CloudEvent, data: &impl Serialize) -> serde_json::Result<Bytes> {
    let json = serde_json::to_string(&Envelope {
        specversion: &event.specversion,
        id: event.id,
        source: &event.source,
        kind: &event.kind,
        subject: &event.subject,
        time: event.time,
        datacontenttype: &event.datacontenttype,
        aggregateversion: event.aggregateversion,
        data,
    })?;
    Ok(frames::event(Some(offset), &event.kind, &json))
}
