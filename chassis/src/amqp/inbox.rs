//! The inbox: which events a consumer has applied.

use std::{borrow::Cow, collections::HashSet};

use proto::cloudevents::CloudEvent;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::Result;

/// Notes that the consumer has the events, in the transaction that applies them; answers with those that it did not have
/// before, each once, in the same order.
pub(super) async fn note<'e>(
    tx: &mut PgConnection,
    consumer: &str,
    events: &'e [CloudEvent],
) -> Result<Cow<'e, [CloudEvent]>> {
    // Sorted, so that two transactions with the same events wait for each other and do not deadlock.
    let mut ids: Vec<Uuid> = events.iter().map(|event| event.id).collect();
    ids.sort_unstable();
    ids.dedup();
    let mut fresh: HashSet<Uuid> = sqlx::query_scalar(
        "insert into inbox (consumer, event_id) select $1, unnest($2::uuid[])
         on conflict do nothing returning event_id",
    )
    .bind(consumer)
    .bind(ids)
    .fetch_all(tx)
    .await?
    .into_iter()
    .collect();
    if fresh.len() == events.len() {
        return Ok(Cow::Borrowed(events));
    }
    let first_time = |event: &&CloudEvent| fresh.remove(&event.id);
    Ok(events.iter().filter(first_time).cloned().collect())
}
