//! How many streams may be open at once.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use anyhow::anyhow;
use chassis::{Code, Error, Result};
use uuid::Uuid;

/// Of one subject: a few devices with a few pages each.
const OF_ONE: usize = 20;
/// Who has too many is told to come back after this time.
const RETRY_AFTER: Duration = Duration::from_secs(10);

/// The open streams.
pub(super) struct Limits {
    most: usize,
    open: Mutex<Open>,
}

#[derive(Default)]
struct Open {
    all: usize,
    of: HashMap<Uuid, usize>,
}

impl Limits {
    /// With `most` in this process: each costs a connection and what waits for it.
    pub(super) fn new(most: usize) -> Self {
        Self {
            most,
            open: Mutex::default(),
        }
    }

    /// A place for one more stream of this subject.
    ///
    /// # Errors
    /// `too-many-streams` when the subject has enough; `unavailable` when the process has.
    pub(super) fn take(self: &Arc<Self>, subject: Uuid) -> Result<Permit> {
        let mut open = self.open();
        if open.of.get(&subject).is_some_and(|count| *count >= OF_ONE) {
            let detail = format!("{OF_ONE} event streams of yours are open; close one first");
            let error = Error::new(Code::TooManyRequests, "too-many-streams", detail);
            return Err(error.with_retry_after(RETRY_AFTER));
        }
        if open.all >= self.most {
            let error = Error::unavailable(anyhow!("{} event streams are open", self.most));
            return Err(error.with_retry_after(RETRY_AFTER));
        }
        open.add(1);
        *open.of.entry(subject).or_default() += 1;
        Ok(Permit {
            limits: self.clone(),
            subject,
        })
    }

    fn open(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Open {
    fn add(&mut self, more: isize) {
        self.all = self.all.saturating_add_signed(more);
        metrics::gauge!("event_streams_open").set(self.all as f64);
    }
}

/// Given back when it is dropped.
pub(super) struct Permit {
    limits: Arc<Limits>,
    subject: Uuid,
}

impl Drop for Permit {
    fn drop(&mut self) {
        let mut open = self.limits.open();
        open.add(-1);
        if let Some(count) = open.of.get_mut(&self.subject) {
            *count -= 1;
            if *count == 0 {
                open.of.remove(&self.subject);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subject_has_so_many_and_another_has_its_own() {
        let limits = Arc::new(Limits::new(100));
        let (ann, bob) = (Uuid::now_v7(), Uuid::now_v7());
        let mut of_ann: Vec<_> = (0..OF_ONE).map(|_| limits.take(ann).unwrap()).collect();
        let refused = limits.take(ann).err().unwrap();
        assert_eq!(refused.code(), Code::TooManyRequests);
        assert_eq!(refused.retry_after(), Some(RETRY_AFTER));
        limits.take(bob).unwrap();

        of_ann.pop();
        limits.take(ann).unwrap();
        drop(of_ann);
        assert_eq!(limits.open().all, 0);
        assert!(limits.open().of.is_empty());
    }

    #[test]
    fn a_process_has_so_many() {
        let limits = Arc::new(Limits::new(30));
        let all: Vec<_> = (0..30)
            .map(|_| limits.take(Uuid::now_v7()).unwrap())
            .collect();
        let refused = limits.take(Uuid::now_v7()).err().unwrap();
        assert_eq!(refused.code(), Code::Unavailable);
        drop(all);
        limits.take(Uuid::now_v7()).unwrap();
    }
}
