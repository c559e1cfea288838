use async_trait::async_trait;
use chassis::{Code, Error, Result, amqp::EventHandler};
use proto::{
    cloudevents::CloudEvent,
    events::identity::{MAIL_REQUESTED, MailData},
};
use sqlx::PgConnection;

use crate::{
    jobs::{AccountMail, AccountMailRequest},
    queue::{NewJob, enqueue},
};

/// Makes a job of each mail that somebody is to get about an account, in the transaction that takes the event.
pub struct EnqueueAccountMails;

#[async_trait]
impl EventHandler for EnqueueAccountMails {
    async fn handle(&self, tx: &mut PgConnection, events: &[CloudEvent]) -> Result<()> {
        let jobs = events
            .iter()
            .filter(|event| event.kind == MAIL_REQUESTED)
            .map(job)
            .collect::<Result<Vec<_>>>()?;
        enqueue::<AccountMail>(tx, jobs).await?;
        Ok(())
    }
}

fn job(event: &CloudEvent) -> Result<NewJob<AccountMailRequest>> {
    let mail: MailData = event.data().map_err(|error| {
        Error::new(
            Code::Invalid,
            "malformed-event",
            format!("the payload is no mail: {error}"),
        )
    })?;
    Ok(NewJob {
        traceparent: event.traceparent.clone(),
        ..AccountMailRequest::of(event.id, &mail)
    })
}
