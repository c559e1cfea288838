use std::collections::BTreeMap;

use async_trait::async_trait;
use chassis::{Result, amqp::EventHandler};
use proto::{cloudevents::CloudEvent, events::incentive::PointsData};
use sqlx::PgConnection;
use uuid::Uuid;

use super::change_many;

/// Takes the worth of points that were earned for returned goods, and spent before, off what is refunded.
pub struct WithholdPoints;

#[async_trait]
impl EventHandler for WithholdPoints {
    async fn handle(&self, tx: &mut PgConnection, events: &[CloudEvent]) -> Result<()> {
        let mut withheld: BTreeMap<Uuid, i64> = BTreeMap::new();
        for event in events {
            let points: PointsData = event.data()?;
            if let Some(total) = points.withheld_total {
                let most = withheld.entry(points.order_id).or_default();
                *most = total.max(*most);
            }
        }
        change_many(tx, &withheld, |order, points, at| {
            order.withhold(*points, at)
        })
        .await
    }
}
