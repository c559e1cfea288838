//! The outbox: events stored in the transaction of the change that they tell of.

use anyhow::anyhow;
use proto::cloudevents::CloudEvent;
use sqlx::PgConnection;

use crate::{Error, Result, trace::TraceContext};

/// A routing key is an AMQP short string. In bytes.
const LONGEST_KIND: usize = 255;

/// Stores events, in this order, for the relay to publish once the transaction has committed. An event that does not say
/// what caused it is caused by the request at hand.
///
/// # Errors
/// When the database refuses, or an event's type is longer than RabbitMQ can route.
pub async fn append(conn: &mut PgConnection, events: Vec<CloudEvent>) -> Result<()> {
    if events.is_empty() {
        return Ok(());
    }
    let traceparent = TraceContext::current().map(|context| context.traceparent());
    let mut ids = Vec::with_capacity(events.len());
    let mut kinds = Vec::with_capacity(events.len());
    let mut payloads = Vec::with_capacity(events.len());
    for mut event in events {
        if event.kind.len() > LONGEST_KIND {
            return Err(Error::internal(anyhow!(
                "event type longer than {LONGEST_KIND} bytes"
            )));
        }
        if event.traceparent.is_none() {
            event.traceparent.clone_from(&traceparent);
        }
        payloads.push(serde_json::to_vec(&event)?);
        ids.push(event.id);
        kinds.push(event.kind);
    }
    sqlx::query(
        "insert into outbox (id, kind, payload) select * from unnest($1::uuid[], $2::text[], $3::bytea[])",
    )
    .bind(ids)
    .bind(kinds)
    .bind(payloads)
    .execute(conn)
    .await?;
    Ok(())
}
