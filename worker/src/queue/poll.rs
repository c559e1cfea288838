use std::{
    future::Future as _,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use apalis_core::backend::ext::poll_strategy::{PollSnapshot, PollStrategy};
use tokio::time::{Instant, Sleep, sleep};

/// Wakes the worker once per period to look for work.
///
/// apalis' own interval goes to sleep for good when its timer fires while the worker looks elsewhere: the fired timer
/// is replaced, but the new one is not polled, so it knows nobody to wake.
pub struct Every {
    period: Duration,
    timer: Pin<Box<Sleep>>,
}

impl Every {
    /// Must be called within a runtime.
    pub fn new(period: Duration) -> Self {
        Self {
            period,
            timer: Box::pin(sleep(period)),
        }
    }
}

impl PollStrategy for Every {
    fn poll_drive(&mut self, cx: &mut Context<'_>, _: &PollSnapshot) -> Poll<Option<()>> {
        let mut fired = Poll::Pending;
        while self.timer.as_mut().poll(cx).is_ready() {
            fired = Poll::Ready(Some(()));
            self.timer.as_mut().reset(Instant::now() + self.period);
        }
        fired
    }
}
