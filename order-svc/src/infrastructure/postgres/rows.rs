//! Orders as rows.

use std::collections::HashMap;

use chassis::{Error, Result};
use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::domain::{Incentive, Line, Order, Status};

pub(super) struct OrderRow {
    pub id: Uuid,
    pub customer_id: Uuid,
    pub status: String,
    pub version: i64,
    pub currency: String,
    pub points_redeemed: i64,
    pub point_value: i64,
    pub points_withheld: i64,
    pub refunded: i64,
    pub discount_code: Option<String>,
    pub redeem_points: Option<i64>,
    pub holds: Vec<i32>,
    pub placed_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
}

pub(super) struct LineRow {
    pub order_id: Uuid,
    pub sku: String,
    pub name: String,
    pub quantity: i64,
    pub unit_price: i64,
    pub discount: i64,
    pub points_value: i64,
    pub cancelled_quantity: i64,
    pub returned_quantity: i64,
    pub restocked_quantity: i64,
}

/// Puts orders together from their rows; lines come in their order.
pub(super) fn assemble(orders: Vec<OrderRow>, lines: Vec<LineRow>) -> Result<Vec<Order>> {
    let mut lines_of: HashMap<Uuid, Vec<Line>> = HashMap::new();
    for row in lines {
        lines_of.entry(row.order_id).or_default().push(Line {
            sku: row.sku,
            name: row.name,
            quantity: row.quantity,
            unit_price: row.unit_price,
            discount: row.discount,
            points_value: row.points_value,
            cancelled_quantity: row.cancelled_quantity,
            returned_quantity: row.returned_quantity,
            restocked_quantity: row.restocked_quantity,
        });
    }
    orders
        .into_iter()
        .map(|row| {
            let status = Status::parse(&row.status).ok_or_else(|| {
                Error::internal(anyhow::anyhow!("no status of an order: {}", row.status))
            })?;
            let incentive = Incentive {
                discount_code: row.discount_code,
                redeem_points: row.redeem_points,
            };
            let used = incentive.discount_code.is_some() || incentive.redeem_points.is_some();
            Ok(Order {
                id: row.id,
                customer_id: row.customer_id,
                status,
                version: row.version,
                currency: row.currency,
                lines: lines_of.remove(&row.id).unwrap_or_default(),
                points_redeemed: row.points_redeemed,
                point_value: row.point_value,
                points_withheld: row.points_withheld,
                refunded: row.refunded,
                incentive: used.then_some(incentive),
                holds: row.holds,
                placed_at: row.placed_at,
                updated_at: row.updated_at,
            })
        })
        .collect()
}
