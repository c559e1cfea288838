//! The log of what happened to each order. What is noted here is published, too.

use chassis::{Result, amqp::outbox};
use sqlx::PgConnection;
use uuid::Uuid;

use super::events::cloud_event;
use crate::application::ports::Change;

/// Notes changes in the transaction that makes them.
pub(super) async fn append(tx: &mut PgConnection, changes: &[Change<'_>]) -> Result<()> {
    let events = changes
        .iter()
        .map(|change| {
            let mut event = cloud_event(change.order, change.event)?;
            event.traceparent = change.traceparent.map(ToOwned::to_owned);
            Ok(event)
        })
        .collect::<Result<Vec<_>>>()?;
    let orders: Vec<Uuid> = changes.iter().map(|change| change.order.id).collect();
    let versions: Vec<i64> = changes.iter().map(|change| change.order.version).collect();
    let ids: Vec<Uuid> = events.iter().map(|event| event.id).collect();
    let kinds: Vec<String> = events.iter().map(|event| event.kind.clone()).collect();
    let actors: Vec<Option<Uuid>> = changes.iter().map(|change| change.actor.user()).collect();
    let times: Vec<_> = events.iter().map(|event| event.time).collect();
    let data: Vec<Vec<u8>> = events
        .iter()
        .map(|event| event.data.get().as_bytes().to_vec())
        .collect();
    sqlx::query!(
        "insert into order_events (order_id, version, event_id, kind, actor, occurred_at, data)
         select * from unnest($1::uuid[], $2::bigint[], $3::uuid[], $4::text[], $5::uuid[], $6::timestamptz[], $7::bytea[])",
        &orders,
        &versions,
        &ids,
        &kinds,
        &actors as &[Option<Uuid>],
        &times,
        &data,
    )
    .execute(&mut *tx)
    .await?;
    outbox::append(tx, events).await
}
