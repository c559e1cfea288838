//! Jobs on apalis: what a job is, how it is enqueued, tried, retried and repeated.
//!
//! apalis fetches, locks and acknowledges; what it leaves open is closed here: growing delays between tries, an end to
//! tries that panic, hang or kill the process, a record of each try, and recurring jobs that run once however many
//! replicas there are.

mod attempt;
mod cron;
mod enqueue;
mod journal;
mod poll;
mod state;
mod work;

use std::{fmt, time::Duration};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

pub use self::{
    cron::{next_tick, repeat},
    enqueue::{NewJob, enqueue},
    state::JobState,
    work::work,
};

/// One kind of job. To add a kind: a file in `jobs/` with an implementation, and a line in [`crate::jobs::start`].
///
/// A job may run more than once (a worker may die between the work and its acknowledgement), so it must be idempotent.
#[async_trait]
pub trait Job: Send + Sync + 'static {
    /// Names the kind in the database and in the REST interface, so it stays.
    const KIND: &'static str;
    const POLICY: Policy = Policy::DEFAULT;

    /// What the job needs to know. It is stored as JSON and shown to operators: ids, no secrets.
    type Payload: Serialize + DeserializeOwned + Send + Sync + 'static;

    /// Does the work. After an error it is tried again, unless the error is [`permanent`].
    async fn run(&self, payload: Self::Payload) -> anyhow::Result<()>;
}

/// A job that is enqueued by the clock.
pub trait Recurring: Job<Payload = Tick> {
    /// Second, minute, hour, day of month, month, day of week; in UTC.
    const SCHEDULE: &'static str;
}

/// The payload of a recurring job.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct Tick {
    /// When it was due.
    pub at: DateTime<Utc>,
}

/// How a kind of job is tried.
#[derive(Debug, Clone, Copy)]
pub struct Policy {
    /// Tries in all, at least 1.
    pub max_attempts: u32,
    /// The pause after the first failure; it doubles with each further one.
    pub first_pause: Duration,
    pub longest_pause: Duration,
    /// A try that takes longer is aborted, and has failed.
    pub timeout: Duration,
    /// Jobs of this kind that one worker runs at once.
    pub concurrency: usize,
}

impl Policy {
    pub const DEFAULT: Self = Self {
        max_attempts: 8,
        first_pause: Duration::from_secs(2),
        longest_pause: Duration::from_secs(600),
        timeout: Duration::from_secs(30),
        concurrency: 1,
    };

    /// How long to wait after the try of this number (from 1) has failed.
    #[must_use]
    pub fn pause_after(&self, attempt: u32) -> Duration {
        let doublings = attempt.saturating_sub(1).min(31);
        self.first_pause
            .saturating_mul(1 << doublings)
            .min(self.longest_pause)
    }
}

/// Marks an error that no further try can cure; see [`permanent`].
#[derive(Debug)]
struct Permanent;

impl fmt::Display for Permanent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not worth another try")
    }
}

/// An error that no further try can cure: the job fails for good.
pub fn permanent(reason: impl Into<anyhow::Error>) -> anyhow::Error {
    reason.into().context(Permanent)
}

/// How closely a worker watches its queue and its own life.
#[derive(Debug, Clone, Copy)]
pub struct Timing {
    /// How often an idle worker looks for work.
    pub poll: Duration,
    /// Whole seconds.
    pub heartbeat: Duration,
    /// After so many missed heartbeats a worker is taken for dead, and others take its jobs.
    pub missed_heartbeats: u32,
}

impl Timing {
    /// How long a worker may be silent before others take its jobs.
    #[must_use]
    pub fn lease(&self) -> Duration {
        self.heartbeat * self.missed_heartbeats
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pause_doubles_up_to_the_longest() {
        let policy = Policy {
            first_pause: Duration::from_secs(2),
            longest_pause: Duration::from_secs(60),
            ..Policy::DEFAULT
        };
        let pauses: Vec<u64> = (1..=7)
            .map(|attempt| policy.pause_after(attempt).as_secs())
            .collect();
        assert_eq!(pauses, [2, 4, 8, 16, 32, 60, 60]);
        assert_eq!(policy.pause_after(u32::MAX).as_secs(), 60);
    }
}
