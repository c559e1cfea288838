use std::collections::BTreeMap;

use async_trait::async_trait;
use chassis::{Code, Error, Result, amqp::EventHandler};
use proto::{cloudevents::CloudEvent, events::ops::ErrorLogged};
use sqlx::PgConnection;

use crate::text::storable;

/// Stores what the services log at ERROR.
pub struct StoreErrors;

#[async_trait]
impl EventHandler for StoreErrors {
    async fn handle(&self, tx: &mut PgConnection, events: &[CloudEvent]) -> Result<()> {
        for event in events {
            store(tx, event).await?;
        }
        Ok(())
    }
}

async fn store(tx: &mut PgConnection, event: &CloudEvent) -> Result<()> {
    let error: ErrorLogged = event.data().map_err(|error| {
        Error::new(
            Code::Invalid,
            "malformed-event",
            format!("the payload is no logged error: {error}"),
        )
    })?;
    let fields: BTreeMap<String, String> = error
        .fields
        .iter()
        .map(|(name, value)| (storable(name), storable(value)))
        .collect();
    // Once per event, even if it comes again after the inbox was pruned.
    sqlx::query(
        "insert into errors (id, service, version, target, message, trace_id, fields, occurred_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8) on conflict do nothing",
    )
    .bind(event.id)
    .bind(storable(&error.service))
    .bind(storable(&error.version))
    .bind(storable(&error.target))
    .bind(storable(&error.message))
    .bind(error.trace_id.as_deref().map(storable))
    .bind(sqlx::types::Json(fields))
    .bind(event.time)
    .execute(tx)
    .await?;
    Ok(())
}
