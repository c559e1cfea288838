//! Windows in this process.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use moka::{Expiry, sync::Cache};

use super::{Counter, Window};

/// Callers times routes, at most; beyond that, those that were not seen for longest are forgotten.
const CAPACITY: u64 = 1_000_000;

pub(super) struct Windows {
    open: Cache<Counter, Arc<Mutex<Open>>>,
}

#[derive(Clone, Copy)]
struct Open {
    count: u64,
    ends: Instant,
    per: Duration,
}

impl Windows {
    pub(super) fn new() -> Self {
        Self {
            open: Cache::builder()
                .max_capacity(CAPACITY)
                .expire_after(Life)
                .build(),
        }
    }

    pub(super) fn count(&self, counter: Counter, per: Duration) -> Window {
        let now = Instant::now();
        let fresh = Open {
            count: 0,
            ends: now + per,
            per,
        };
        let window = self.open.get_with(counter, || Arc::new(Mutex::new(fresh)));
        let mut open = lock(&window);
        if open.ends <= now {
            *open = fresh;
        }
        open.count += 1;
        Window {
            count: open.count,
            left: open.ends.saturating_duration_since(now),
        }
    }

    /// The window, if nothing is left of it; nothing is counted then.
    pub(super) fn spent(&self, counter: &Counter, limit: u64) -> Option<Window> {
        let window = self.open.get(counter)?;
        let open = lock(&window);
        let left = open.ends.saturating_duration_since(Instant::now());
        (open.count >= limit && !left.is_zero()).then(|| Window {
            count: limit + 1,
            left,
        })
    }

    /// Notes what is known from elsewhere.
    pub(super) fn set(&self, counter: Counter, window: Window) {
        let open = Open {
            count: window.count,
            ends: Instant::now() + window.left,
            per: window.left,
        };
        let known = self.open.get_with(counter, || Arc::new(Mutex::new(open)));
        *lock(&known) = open;
    }
}

fn lock(window: &Mutex<Open>) -> MutexGuard<'_, Open> {
    // What it guards is whole at any time.
    window.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A window is forgotten when nobody has looked at it for as long as it lasts.
struct Life;

impl Life {
    fn of(window: &Mutex<Open>) -> Duration {
        lock(window).per + Duration::from_secs(1)
    }
}

impl Expiry<Counter, Arc<Mutex<Open>>> for Life {
    fn expire_after_create(
        &self,
        _: &Counter,
        window: &Arc<Mutex<Open>>,
        _: Instant,
    ) -> Option<Duration> {
        Some(Self::of(window))
    }

    fn expire_after_read(
        &self,
        _: &Counter,
        window: &Arc<Mutex<Open>>,
        _: Instant,
        _: Option<Duration>,
        _: Instant,
    ) -> Option<Duration> {
        Some(Self::of(window))
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::*;
    use crate::limits::Who;

    fn counter(last: u8) -> Counter {
        Counter {
            who: Who::at(IpAddr::from([192, 0, 2, last])),
            route: "/v1/orders".into(),
            quota: "standard".into(),
        }
    }

    #[test]
    fn calls_at_once_are_all_counted() {
        let windows = Windows::new();
        let per = Duration::from_secs(60);
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for _ in 0..1_000 {
                        windows.count(counter(1), per);
                    }
                });
            }
        });
        assert_eq!(windows.count(counter(1), per).count, 8_001);
        assert_eq!(windows.count(counter(2), per).count, 1);
    }

    #[test]
    fn a_window_ends_and_the_next_begins_with_the_next_call() {
        let windows = Windows::new();
        let per = Duration::from_millis(80);
        assert_eq!(windows.count(counter(1), per).count, 1);
        assert_eq!(windows.count(counter(1), per).count, 2);
        assert!(windows.spent(&counter(1), 2).is_some());
        assert!(windows.spent(&counter(1), 3).is_none());
        std::thread::sleep(per + Duration::from_millis(20));
        assert!(windows.spent(&counter(1), 2).is_none());
        assert_eq!(windows.count(counter(1), per).count, 1);
    }
}
