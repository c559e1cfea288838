use async_trait::async_trait;
use chassis::{Code, Error, Result, amqp::EventHandler};
use proto::{
    cloudevents::CloudEvent,
    events::order::{CREATED, CREATED_WITH_INCENTIVE, OrderData},
};
use sqlx::PgConnection;

use crate::{
    jobs::{OrderConfirmation, OrderConfirmationMail},
    queue::{NewJob, enqueue},
};

/// Makes a job of each order that was placed, in the transaction that takes the event.
pub struct EnqueueOrderMails;

#[async_trait]
impl EventHandler for EnqueueOrderMails {
    async fn handle(&self, tx: &mut PgConnection, events: &[CloudEvent]) -> Result<()> {
        let jobs = events
            .iter()
            .filter(|event| [CREATED, CREATED_WITH_INCENTIVE].contains(&event.kind.as_str()))
            .map(job)
            .collect::<Result<Vec<_>>>()?;
        enqueue::<OrderConfirmationMail>(tx, jobs).await?;
        Ok(())
    }
}

fn job(event: &CloudEvent) -> Result<NewJob<OrderConfirmation>> {
    let order: OrderData = event.data().map_err(|error| {
        Error::new(
            Code::Invalid,
            "malformed-event",
            format!("the payload is no order: {error}"),
        )
    })?;
    Ok(NewJob {
        traceparent: event.traceparent.clone(),
        ..OrderConfirmation::of(order)
    })
}
