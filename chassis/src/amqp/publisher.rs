//! Publishing with confirms: what the broker has, and what it has not.

use std::{collections::HashSet, time::Duration};

use anyhow::Context as _;
use lapin::{
    BasicProperties, Confirmation, PublisherConfirm,
    options::{BasicPublishOptions, ConfirmSelectOptions},
    types::ShortString,
};
use tokio::time::{Instant, timeout, timeout_at};

use super::link::{Link, LiveChannel};

/// All confirms of one [`Publisher::send`]. For so long the relay has its rows locked.
const CONFIRM_TIMEOUT: Duration = Duration::from_secs(10);
const PERSISTENT: u8 = 2;

/// A message on its way. Its `message_id` must be unique within one [`Publisher::send`].
pub(super) struct Message<'a> {
    pub message_id: String,
    pub routing_key: &'a str,
    pub body: &'a [u8],
    pub properties: BasicProperties,
}

/// What became of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Receipt {
    /// In every queue that wants it, and on disk there.
    Stored,
    /// No queue wants it.
    Unroutable,
    /// The broker refused it, or did not say; it may or may not have it.
    Failed,
}

/// A channel in confirm mode, for one sender at a time. One that failed is of no further use.
pub(super) struct Publisher {
    channel: LiveChannel,
}

impl Publisher {
    /// Waits for the connection as long as it takes.
    pub async fn open(link: &Link) -> anyhow::Result<Self> {
        let channel = link.channel().await?;
        let confirms = channel
            .channel()
            .confirm_select(ConfirmSelectOptions::default());
        timeout(CONFIRM_TIMEOUT, confirms)
            .await
            .context("no answer in time")?
            .context("asking for confirms")?;
        Ok(Self { channel })
    }

    pub fn is_usable(&self) -> bool {
        self.channel.is_alive()
    }

    /// Sends all of them, in order, then waits for the confirms of all.
    pub async fn send(&mut self, exchange: &str, messages: Vec<Message<'_>>) -> Vec<Receipt> {
        let deadline = Instant::now() + CONFIRM_TIMEOUT;
        let ids: Vec<String> = messages.iter().map(|m| m.message_id.clone()).collect();
        let mut confirms = Vec::with_capacity(messages.len());
        for message in messages {
            // A broker short of memory or disk stops reading.
            match timeout_at(deadline, self.publish(exchange, message)).await {
                Ok(Ok(confirm)) => confirms.push(confirm),
                Ok(Err(_)) | Err(_) => break,
            }
        }

        let mut confirmations = Vec::with_capacity(confirms.len());
        for confirm in confirms {
            let confirmation = timeout_at(deadline, confirm).await;
            confirmations.push(confirmation.ok().and_then(Result::ok));
        }
        receipts(&ids, confirmations)
    }

    async fn publish(
        &self,
        exchange: &str,
        message: Message<'_>,
    ) -> anyhow::Result<PublisherConfirm> {
        let options = BasicPublishOptions {
            mandatory: true,
            ..Default::default()
        };
        let properties = message
            .properties
            .with_message_id(ShortString::try_new(message.message_id)?)
            .with_delivery_mode(PERSISTENT);
        let routing_key = ShortString::try_new(message.routing_key)?;
        Ok(self
            .channel
            .channel()
            .basic_publish(
                exchange.into(),
                routing_key,
                options,
                message.body,
                properties,
            )
            .await?)
    }
}

/// What became of each message; the confirmations are those of the first of them, as far as they came.
fn receipts(ids: &[String], confirmations: Vec<Option<Confirmation>>) -> Vec<Receipt> {
    let mut receipts = vec![Receipt::Failed; ids.len()];
    let mut returned = HashSet::new();
    for (receipt, confirmation) in receipts.iter_mut().zip(confirmations) {
        let Some(confirmation) = confirmation else {
            continue;
        };
        if confirmation.is_ack() {
            *receipt = Receipt::Stored;
        }
        // The broker acks what it returns. And lapin hands a returned message to whichever confirm resolves next, not to
        // the message's own, so only its id tells which one it was.
        if let Some(message) = confirmation.take_message()
            && let Some(id) = message.properties.message_id()
        {
            returned.insert(id.to_string());
        }
    }
    for (receipt, id) in receipts.iter_mut().zip(ids) {
        if *receipt == Receipt::Stored && returned.contains(id) {
            *receipt = Receipt::Unroutable;
        }
    }
    receipts
}

#[cfg(test)]
mod tests {
    use lapin::message::{BasicReturnMessage, Delivery};

    use super::*;

    #[test]
    fn a_returned_message_is_known_by_its_id_whichever_confirm_brings_it() {
        let mut delivery = Delivery::mock(0, "".into(), "".into(), false, Vec::new());
        delivery.properties = BasicProperties::default().with_message_id("c".into());
        let c = BasicReturnMessage {
            delivery,
            reply_code: 312,
            reply_text: "NO_ROUTE".into(),
        };
        let ids = ["a", "b", "c", "d", "e"].map(ToOwned::to_owned);
        let confirmations = vec![
            Some(Confirmation::Ack(Some(c))),
            Some(Confirmation::Nack(None)),
            Some(Confirmation::Ack(None)),
            None,
        ];
        assert_eq!(
            receipts(&ids, confirmations),
            [
                Receipt::Stored,
                Receipt::Failed,
                Receipt::Unroutable,
                Receipt::Failed,
                Receipt::Failed,
            ]
        );
    }
}
