use chrono::{DateTime, NaiveDate, Utc};
use proto::events::order::{Line, OrderData, Status};
use uuid::Uuid;

use crate::domain;

/// What an order adds to the figures, as one version of it tells. Amounts are minor units of `currency`, and count what was
/// not cancelled, so that `gross - discount - points_value = revenue`.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub(crate) struct Contribution {
    pub order_id: Uuid,
    pub version: i64,
    pub customer_id: Uuid,
    pub currency: String,
    /// The day on which it was placed, in UTC.
    pub day: NaiveDate,
    pub placed_at: DateTime<Utc>,
    /// None: no incentive; empty: points alone.
    pub code: Option<String>,
    /// 1 for an order that was cancelled in whole.
    pub cancelled: i64,
    /// Pieces.
    pub units: i64,
    /// Before discount and points.
    pub gross: i64,
    /// The share of what is not cancelled in the discount of its line: a cancelled piece takes its share with it.
    pub discount: i64,
    /// What points pay.
    pub points_value: i64,
    pub revenue: i64,
    pub refunded: i64,
    /// Points that were redeemed and have not come back, by cancellations or returns.
    pub points: i64,
}

impl Contribution {
    pub fn of(order: &OrderData) -> Self {
        let (mut units, mut gross, mut discount) = (0, 0, 0);
        for line in &order.lines {
            let line = priced(line);
            let ordered = line.ordered();
            units += ordered;
            gross += ordered * line.unit_price;
            discount += line.cost_of(ordered).discount;
        }
        let incentive = order.incentive.as_ref();
        Self {
            order_id: order.order_id,
            version: order.version,
            customer_id: order.customer_id,
            currency: order.currency.clone(),
            day: order.placed_at.date_naive(),
            placed_at: order.placed_at,
            code: incentive.map(|incentive| incentive.discount_code.clone().unwrap_or_default()),
            cancelled: i64::from(order.status == Status::Cancelled),
            units,
            gross,
            discount,
            points_value: gross - discount - order.total,
            revenue: order.total,
            refunded: order.refunded,
            points: order.points_redeemed - order.points_returned,
        }
    }
}

/// The line as the domain reckons with it.
fn priced(line: &Line) -> domain::Line {
    domain::Line {
        sku: String::new(),
        name: String::new(),
        quantity: line.quantity,
        unit_price: line.unit_price,
        discount: line.discount,
        points_value: line.points_value,
        cancelled_quantity: line.cancelled_quantity,
        returned_quantity: line.returned_quantity,
        restocked_quantity: line.restocked_quantity,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        domain::{Incentive, Order, PricedLine, Pricing},
        infrastructure::postgres::order_data,
    };

    fn order() -> Order {
        let line = |quantity, unit_price, discount, points_value| PricedLine {
            sku: "A".to_owned(),
            name: "A".to_owned(),
            quantity,
            unit_price,
            discount,
            points_value,
        };
        let pricing = Pricing {
            currency: "GBP".to_owned(),
            lines: vec![line(3, 1_000, 100, 50), line(1, 339, 0, 0)],
            points: 50,
            point_value: 1,
            discount_code: Some("SPRING".to_owned()),
            allotments: Vec::new(),
        };
        let incentive = Incentive {
            discount_code: Some("spring".to_owned()),
            redeem_points: Some(50),
        };
        let at = DateTime::UNIX_EPOCH;
        Order::place(Uuid::nil(), Uuid::nil(), 1, pricing, Some(incentive), at).0
    }

    #[test]
    fn a_whole_order_counts_whole() {
        let counted = Contribution::of(&order_data(&order()));
        assert_eq!(counted.code.as_deref(), Some("SPRING"));
        assert_eq!(
            (counted.units, counted.cancelled, counted.points),
            (4, 0, 50)
        );
        assert_eq!(
            (
                counted.gross,
                counted.discount,
                counted.points_value,
                counted.revenue
            ),
            (3_339, 100, 50, 3_189)
        );
    }

    #[test]
    fn a_cancelled_piece_takes_its_share_of_the_discount_with_it() {
        let mut order = order();
        order.lines[0].cancelled_quantity = 1;
        let counted = Contribution::of(&order_data(&order));
        assert_eq!((counted.units, counted.gross), (3, 2_339));
        // Two thirds, in favour of the customer: as on the order.
        let cost = order.lines[0].cost_of(2);
        assert_eq!(counted.discount, cost.discount);
        assert_eq!(
            (cost.discount, counted.points_value),
            (67, cost.points_value)
        );
        assert_eq!(counted.revenue, order.total());
    }

    #[test]
    fn a_cancelled_order_counts_as_one_and_adds_nothing() {
        let mut order = order();
        order.cancel(None, DateTime::UNIX_EPOCH).unwrap();
        let counted = Contribution::of(&order_data(&order));
        assert_eq!((counted.cancelled, counted.units, counted.gross), (1, 0, 0));
        assert_eq!(
            (
                counted.discount,
                counted.points_value,
                counted.revenue,
                counted.points
            ),
            (0, 0, 0, 0)
        );
    }
}
