//! Deliveries whose handling failed, and when each is tried again. The queue goes on meanwhile.

use std::time::Duration;

use chrono::{DateTime, Utc};
use lapin::message::Delivery;
use proto::cloudevents::CloudEvent;
use tokio::time::{Instant, sleep_until};

/// Pauses between the tries of an event that its handler rejects. One more try than pauses, then it is given up.
const PAUSES: [Duration; 4] = [
    Duration::from_millis(100),
    Duration::from_millis(500),
    Duration::from_secs(2),
    Duration::from_secs(5),
];
/// Longest pause while something that the handler needs is away.
const LONGEST_WAIT: Duration = Duration::from_secs(5);

/// A delivery that is neither acked nor given up.
pub(super) struct Held {
    pub delivery: Delivery,
    /// None when the body is no event.
    pub event: Option<CloudEvent>,
    /// How often the handler rejected it.
    pub tries: u32,
    /// How often something that the handler needs was away.
    waits: u32,
    pub first_failed_at: DateTime<Utc>,
    /// Why it failed the last time.
    pub reason: String,
    due: Instant,
}

impl Held {
    /// An event that failed together with others, and is to be tried alone, now.
    pub fn suspect(delivery: Delivery, event: CloudEvent) -> Self {
        Self {
            delivery,
            event: Some(event),
            tries: 0,
            waits: 0,
            first_failed_at: Utc::now(),
            reason: String::new(),
            due: Instant::now(),
        }
    }

    /// A body that no try will make an event of.
    pub fn hopeless(delivery: Delivery, reason: String) -> Self {
        Self {
            delivery,
            event: None,
            tries: 0,
            waits: 0,
            first_failed_at: Utc::now(),
            reason,
            due: Instant::now(),
        }
    }

    /// Whether it was postponed before.
    pub fn has_waited(&self) -> bool {
        self.waits > 0
    }

    /// Whether there is nothing left to try.
    pub fn is_given_up(&self) -> bool {
        self.event.is_none() || self.pause().is_none()
    }

    /// The handler rejected it.
    pub fn rejected(&mut self, reason: String) {
        self.tries += 1;
        self.reason = reason;
        self.due = Instant::now() + self.pause().unwrap_or_default();
    }

    /// It could not be tried for a reason that will pass.
    pub fn postponed(&mut self, reason: String) {
        let wait = PAUSES[0] * 2_u32.saturating_pow(self.waits.min(10));
        self.waits += 1;
        self.reason = reason;
        self.due = Instant::now() + wait.min(LONGEST_WAIT);
    }

    /// The pause after the last try; none when that was the last one.
    fn pause(&self) -> Option<Duration> {
        match self.tries.checked_sub(1) {
            None => Some(Duration::ZERO),
            Some(index) => PAUSES.get(index as usize).copied(),
        }
    }
}

/// All that is held.
#[derive(Default)]
pub(super) struct Holding(Vec<Held>);

impl Holding {
    pub fn push(&mut self, held: Held) {
        self.0.push(held);
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Takes out the one that is due next, when it is; never resolves while nothing is held. Losing the future loses none.
    pub async fn next_due(&mut self) -> Held {
        let next = self.0.iter().enumerate().min_by_key(|(_, held)| held.due);
        let Some((index, due)) = next.map(|(index, held)| (index, held.due)) else {
            return std::future::pending().await;
        };
        sleep_until(due).await;
        self.0.remove(index)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn held() -> Held {
        let delivery = Delivery::mock(1, "".into(), "".into(), false, Vec::new());
        let event = CloudEvent::new("/test", "test.v1", "1", None, Utc::now(), &()).unwrap();
        Held::suspect(delivery, event)
    }

    #[test]
    fn a_rejected_event_gets_five_tries_with_growing_pauses() {
        let (mut held, mut pauses) = (held(), Vec::new());
        loop {
            held.rejected("no".to_owned());
            if held.is_given_up() {
                break;
            }
            pauses.push(held.due - Instant::now());
        }
        assert_eq!(held.tries, 5);
        for (pause, expected) in pauses.iter().zip([100, 500, 2_000, 5_000]) {
            let expected = Duration::from_millis(expected);
            assert!(*pause <= expected && *pause > expected / 2, "{pauses:?}");
        }
    }

    #[test]
    fn waiting_is_for_ever_and_never_longer_than_five_seconds_at_a_time() {
        let mut held = held();
        for wait in 0..1_000 {
            held.postponed("away".to_owned());
            assert!(!held.is_given_up());
            let pause = held.due - Instant::now();
            assert!(pause <= LONGEST_WAIT);
            assert!(wait < 6 || pause > LONGEST_WAIT / 2, "{pause:?}");
        }
    }

    #[tokio::test]
    async fn a_waiting_event_does_not_hold_up_another() {
        let mut holding = Holding::default();
        let mut waiting = held();
        waiting.rejected("no".to_owned());
        holding.push(waiting);
        holding.push(held());
        assert_eq!(holding.next_due().await.tries, 0);
        assert_eq!(holding.next_due().await.tries, 1);
        assert!(holding.is_empty());
    }
}
