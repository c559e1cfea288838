use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use chassis::{Code, Result, trace::TraceContext};

use crate::{
    application::ports::{Holds, TakenHold, Taking},
    domain::{Basket, HoldKey},
};

/// Takes everything that an order asks for, or nothing.
pub struct Reserve {
    pub key: HoldKey,
    pub basket: Basket,
    /// How long the hold may stay undecided.
    pub ttl: Duration,
    /// When the caller stops waiting.
    pub deadline: Option<Instant>,
}

pub struct ReserveHandler {
    holds: Arc<dyn Holds>,
    max_ttl: Duration,
}

impl ReserveHandler {
    pub(crate) fn new(holds: Arc<dyn Holds>, max_ttl: Duration) -> Self {
        Self { holds, max_ttl }
    }

    /// # Errors
    /// `validation` naming the lines, `insufficient-stock`, `hold-closed`, `hold-mismatch` for other content than the
    /// first time; `reservations-busy`, `deadline-exceeded`.
    #[tracing::instrument(name = "reserve", skip_all, fields(
        order.id = %command.key.order_id, hold.no = command.key.hold_no
    ))]
    pub async fn handle(&self, command: Reserve) -> Result<TakenHold> {
        let taking = Taking {
            key: command.key,
            basket: command.basket,
            ttl: command.ttl.min(self.max_ttl),
            deadline: command.deadline,
            traceparent: TraceContext::current().map(|context| context.traceparent()),
        };
        let taken = self.holds.take(taking).await;
        let outcome = match &taken {
            Ok(_) => "held",
            Err(error) if error.kind() == "insufficient-stock" => "insufficient",
            Err(error) if error.code() == Code::TooManyRequests => "shed",
            Err(error) if error.code() == Code::DeadlineExceeded => "late",
            Err(error) if error.is_transient() => "failed",
            Err(_) => "refused",
        };
        metrics::counter!("reservations_total", "outcome" => outcome).increment(1);
        taken
    }
}
