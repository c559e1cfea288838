//! What the world hears of an order: its whole state after the change.

use chassis::Result;
use proto::{
    cloudevents::CloudEvent,
    events::order::{self as event, OrderData},
};

use crate::domain::{Order, OrderEvent, Status};

pub(super) fn cloud_event(order: &Order, happened: &OrderEvent) -> Result<CloudEvent> {
    let (kind, reason) = match happened {
        OrderEvent::Created => (event::CREATED, None),
        OrderEvent::CreatedWithIncentive => (event::CREATED_WITH_INCENTIVE, None),
        OrderEvent::Confirmed => (event::CONFIRMED, None),
        OrderEvent::IncentiveApplied => (event::INCENTIVE_APPLIED, None),
        OrderEvent::Updated { reason } => (event::UPDATED, reason.as_ref()),
        OrderEvent::Cancelled { reason } => (event::CANCELLED, reason.as_ref()),
        OrderEvent::Shipped => (event::SHIPPED, None),
        OrderEvent::Delivered => (event::DELIVERED, None),
        OrderEvent::Returned { reason } => (event::RETURNED, reason.as_ref()),
    };
    let data = OrderData {
        reason: reason.map(|reason| reason.as_str().to_owned()),
        ..order_data(order)
    };
    Ok(CloudEvent::new(
        event::SOURCE,
        kind,
        order.id,
        Some(order.version),
        order.updated_at,
        &data,
    )?)
}

/// The status that an event names.
pub(crate) fn status(told: event::Status) -> Status {
    match told {
        event::Status::Placed => Status::Placed,
        event::Status::Confirmed => Status::Confirmed,
        event::Status::Shipped => Status::Shipped,
        event::Status::Delivered => Status::Delivered,
        event::Status::Cancelled => Status::Cancelled,
    }
}

/// The order as it stands.
pub(crate) fn order_data(order: &Order) -> OrderData {
    OrderData {
        order_id: order.id,
        customer_id: order.customer_id,
        status: match order.status {
            Status::Placed => event::Status::Placed,
            Status::Confirmed => event::Status::Confirmed,
            Status::Shipped => event::Status::Shipped,
            Status::Delivered => event::Status::Delivered,
            Status::Cancelled => event::Status::Cancelled,
        },
        version: order.version,
        currency: order.currency.clone(),
        lines: order
            .lines
            .iter()
            .map(|line| event::Line {
                sku: line.sku.clone(),
                name: line.name.clone(),
                quantity: line.quantity,
                unit_price: line.unit_price,
                discount: line.discount,
                points_value: line.points_value,
                total: line.total(),
                cancelled_quantity: line.cancelled_quantity,
                returned_quantity: line.returned_quantity,
                restocked_quantity: line.restocked_quantity,
            })
            .collect(),
        subtotal: order.subtotal(),
        discount: order.discount(),
        points_redeemed: order.points_redeemed,
        points_returned: order.points_returned(),
        total: order.total(),
        points_withheld: order.points_withheld,
        refunded: order.refunded,
        net: Some(order.net()),
        incentive: order.incentive.as_ref().map(|incentive| event::Incentive {
            discount_code: incentive.discount_code.clone(),
            redeem_points: incentive.redeem_points,
        }),
        holds: order.holds.clone(),
        reason: None,
        placed_at: order.placed_at,
        updated_at: order.updated_at,
    }
}
