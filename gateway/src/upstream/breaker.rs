//! A circuit breaker ([Nygard, Release It!](https://martinfowler.com/bliki/CircuitBreaker.html)): an upstream most of whose
//! requests fail gets none for a time, so that neither it nor those who wait for it are kept busy.

use std::{
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use crate::routing;

/// Requests are counted for twice this long at most.
const HALF: Duration = Duration::from_secs(5);

pub(super) struct Breaker {
    plan: routing::Breaker,
    /// Whether the state is `Closed`, and nothing has failed lately: then nobody takes the lock.
    calm: AtomicBool,
    state: Mutex<State>,
}

struct State {
    circuit: Circuit,
    /// Now, and the half before.
    counts: [Count; 2],
    since: Instant,
}

#[derive(Default, Clone, Copy)]
struct Count {
    succeeded: u32,
    failed: u32,
}

enum Circuit {
    Closed,
    /// Until this moment; after it one request at a time is let through, the last at `trial`.
    Open {
        until: Instant,
        trial: Option<Instant>,
    },
}

impl Breaker {
    pub(super) fn new(plan: routing::Breaker) -> Self {
        Self {
            plan,
            calm: AtomicBool::new(true),
            state: Mutex::new(State {
                circuit: Circuit::Closed,
                counts: [Count::default(); 2],
                since: Instant::now(),
            }),
        }
    }

    /// Whether a request may go; if not, how long it is to wait.
    pub(super) fn admit(&self) -> Result<(), Duration> {
        if self.calm.load(Relaxed) {
            return Ok(());
        }
        let now = Instant::now();
        let mut state = self.lock();
        match &mut state.circuit {
            Circuit::Closed => Ok(()),
            Circuit::Open { until, .. } if now < *until => Err(*until - now),
            // Whose trial tells nothing in this time will not.
            Circuit::Open {
                trial: Some(trial), ..
            } if now < *trial + self.plan.time => Err(self.plan.time),
            Circuit::Open { trial, .. } => {
                *trial = Some(now);
                Ok(())
            }
        }
    }

    pub(super) fn succeeded(&self) {
        // While nothing fails, nobody needs to know how much succeeds: the share that failed is then 0 anyway. It is
        // counted from the first failure on.
        if self.calm.load(Relaxed) {
            return;
        }
        let mut state = self.lock();
        state.turn();
        state.counts[0].succeeded = state.counts[0].succeeded.saturating_add(1);
        if let Circuit::Open { .. } = state.circuit {
            state.close();
        }
        let failed: u32 = state.counts.iter().map(|count| count.failed).sum();
        if failed == 0 {
            self.calm.store(true, Relaxed);
        }
    }

    /// A request failed on its way; true if that opens the circuit.
    pub(super) fn failed(&self) -> bool {
        let mut state = self.lock();
        if self.calm.swap(false, Relaxed) {
            state.close();
        }
        state.turn();
        state.counts[0].failed = state.counts[0].failed.saturating_add(1);
        let until = Instant::now() + self.plan.time;
        match state.circuit {
            Circuit::Open { trial: Some(_), .. } => {
                state.circuit = Circuit::Open { until, trial: None };
                false
            }
            // What was under way when it opened.
            Circuit::Open { trial: None, .. } => false,
            Circuit::Closed => {
                let (succeeded, failed) = state.counts.iter().fold((0, 0), |sum, count| {
                    (sum.0 + count.succeeded, sum.1 + count.failed)
                });
                let share = f64::from(failed) / f64::from(succeeded + failed);
                let opens = failed >= self.plan.failures && share >= self.plan.share;
                if opens {
                    state.circuit = Circuit::Open { until, trial: None };
                }
                opens
            }
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        // What it guards is whole at any time.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn close(&mut self) {
        self.circuit = Circuit::Closed;
        self.counts = [Count::default(); 2];
        self.since = Instant::now();
    }

    /// Forgets what is too long ago.
    fn turn(&mut self) {
        let halves = self.since.elapsed().as_millis() / HALF.as_millis();
        match halves {
            0 => return,
            1 => self.counts = [Count::default(), self.counts[0]],
            _ => self.counts = [Count::default(); 2],
        }
        self.since = Instant::now();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn breaker() -> Breaker {
        Breaker::new(routing::Breaker {
            failures: 4,
            share: 0.5,
            time: Duration::from_millis(50),
        })
    }

    #[test]
    fn it_opens_when_enough_and_a_large_share_fail() {
        let breaker = breaker();
        for _ in 0..3 {
            assert!(!breaker.failed());
        }
        for _ in 0..5 {
            breaker.succeeded();
        }
        assert!(!breaker.failed(), "4 of 9");
        assert!(breaker.failed(), "5 of 10");
        assert!(breaker.admit().is_err());
    }

    #[test]
    fn after_its_time_one_request_tries_and_decides() {
        let breaker = breaker();
        for _ in 0..4 {
            breaker.failed();
        }
        let wait = breaker.admit().unwrap_err();
        assert!(wait <= Duration::from_millis(50));
        std::thread::sleep(Duration::from_millis(60));
        assert!(breaker.admit().is_ok());
        assert!(breaker.admit().is_err(), "one at a time");
        breaker.failed();
        assert!(breaker.admit().is_err(), "open again");
        std::thread::sleep(Duration::from_millis(60));
        assert!(breaker.admit().is_ok());
        breaker.succeeded();
        assert!(breaker.admit().is_ok() && breaker.admit().is_ok());
        // What was before counts no more.
        assert!(!breaker.failed());
    }

    #[test]
    fn a_trial_that_tells_nothing_is_not_waited_for_for_ever() {
        let breaker = breaker();
        for _ in 0..4 {
            breaker.failed();
        }
        std::thread::sleep(Duration::from_millis(60));
        assert!(breaker.admit().is_ok());
        std::thread::sleep(Duration::from_millis(60));
        assert!(breaker.admit().is_ok());
    }
}
