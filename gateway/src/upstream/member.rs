//! One address of an upstream: how much it does, and whether it serves.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering::Relaxed},
    },
    time::Instant,
};

use http::uri::Authority;

use crate::routing::Ejection;

pub(crate) struct Member {
    upstream: String,
    address: SocketAddr,
    authority: Authority,
    in_flight: AtomicUsize,
    /// Of requests, in a row.
    failures: AtomicU32,
    /// In a row, with nothing between them but failures.
    ejections: AtomicU32,
    /// Milliseconds after `began`.
    ejected_until: AtomicU64,
    began: Instant,
    /// Of health checks, in a row.
    failed_checks: AtomicU32,
    down: AtomicBool,
}

impl Member {
    pub(crate) fn new(upstream: &str, address: SocketAddr) -> anyhow::Result<Self> {
        Ok(Self {
            upstream: upstream.to_owned(),
            address,
            authority: address.to_string().parse()?,
            in_flight: AtomicUsize::default(),
            failures: AtomicU32::default(),
            ejections: AtomicU32::default(),
            ejected_until: AtomicU64::default(),
            began: Instant::now(),
            failed_checks: AtomicU32::default(),
            down: AtomicBool::default(),
        })
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn authority(&self) -> &Authority {
        &self.authority
    }

    pub(crate) fn in_flight(&self) -> usize {
        self.in_flight.load(Relaxed)
    }

    /// Whether it is to get requests.
    pub(crate) fn serves(&self) -> bool {
        if self.down.load(Relaxed) {
            return false;
        }
        let until = self.ejected_until.load(Relaxed);
        // Seldom: the clock is not asked for each request.
        until == 0 || until <= self.now()
    }

    fn now(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// A request got an answer.
    pub(crate) fn succeeded(&self) {
        if self.failures.load(Relaxed) > 0 {
            self.failures.store(0, Relaxed);
            self.ejections.store(0, Relaxed);
            self.ejected_until.store(0, Relaxed);
        }
    }

    /// A request failed on its way.
    pub(crate) fn failed(&self, ejection: &Ejection) {
        let failures = self.failures.fetch_add(1, Relaxed) + 1;
        // Requests that were under way at its ejection fail too, and say nothing new. After its return one is enough.
        if failures < ejection.failures || !self.serves() {
            return;
        }
        let doublings = self.ejections.fetch_add(1, Relaxed).min(16);
        let time = ejection
            .time
            .saturating_mul(1 << doublings)
            .min(ejection.at_most);
        let until = self.now() + u64::try_from(time.as_millis()).unwrap_or(u64::MAX / 2);
        self.ejected_until.store(until.max(1), Relaxed);
        self.tell(false, "its requests fail");
    }

    /// A health check came out so.
    pub(crate) fn checked(&self, well: bool, failures: u32) {
        if well {
            self.failed_checks.store(0, Relaxed);
            if self.down.swap(false, Relaxed) {
                // It is another process than the one whose requests failed.
                self.failures.store(0, Relaxed);
                self.ejections.store(0, Relaxed);
                self.ejected_until.store(0, Relaxed);
                self.tell(true, "its health check succeeds");
            }
        } else if self.failed_checks.fetch_add(1, Relaxed) + 1 >= failures
            && !self.down.swap(true, Relaxed)
        {
            self.tell(false, "its health check fails");
        }
    }

    fn tell(&self, serves: bool, reason: &str) {
        let (upstream, address) = (&self.upstream, self.address);
        if serves {
            tracing::info!(upstream, %address, reason, "gets requests again");
        } else {
            tracing::warn!(upstream, %address, reason, "gets no requests for a time");
        }
    }
}

/// A request to a member, until its answer has been passed on.
pub(crate) struct InFlight(Arc<Member>);

impl InFlight {
    pub(crate) fn of(member: Arc<Member>) -> Self {
        member.in_flight.fetch_add(1, Relaxed);
        Self(member)
    }

    pub(crate) fn member(&self) -> &Arc<Member> {
        &self.0
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const EJECTION: Ejection = Ejection {
        failures: 3,
        time: Duration::from_millis(60),
        at_most: Duration::from_millis(200),
    };

    fn member() -> Member {
        Member::new("order-svc", "127.0.0.1:1".parse().unwrap()).unwrap()
    }

    fn fail(member: &Member, times: u32) {
        for _ in 0..times {
            member.failed(&EJECTION);
        }
    }

    #[test]
    fn failures_in_a_row_leave_it_out_for_a_time() {
        let member = member();
        fail(&member, 2);
        member.succeeded();
        fail(&member, 2);
        assert!(member.serves(), "never three in a row");
        fail(&member, 1);
        assert!(!member.serves());
        std::thread::sleep(EJECTION.time + Duration::from_millis(10));
        assert!(member.serves());
        // Back on probation.
        fail(&member, 1);
        assert!(!member.serves());
        std::thread::sleep(EJECTION.time + Duration::from_millis(10));
        assert!(!member.serves(), "twice as long as before");
    }

    #[test]
    fn what_was_under_way_when_it_was_left_out_prolongs_nothing() {
        let member = member();
        fail(&member, 100);
        std::thread::sleep(EJECTION.time + Duration::from_millis(10));
        assert!(member.serves());
    }

    #[test]
    fn a_process_that_comes_back_starts_afresh() {
        let member = member();
        fail(&member, 3);
        member.checked(false, 2);
        member.checked(false, 2);
        assert!(!member.serves());
        member.checked(true, 2);
        assert!(member.serves(), "although its time was not over");
        // One that only its requests accuse stays out.
        fail(&member, 3);
        member.checked(true, 2);
        assert!(!member.serves());
    }
}
