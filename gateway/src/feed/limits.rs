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
/// In this process. Each costs a connection and what waits for it.
const OF_ALL: usize = 10_000;
/// Who has too many is told to come back after this time.
const RETRY_AFTER: Duration = Duration::from_secs(10);

/// The open streams.
#[derive(Default)]
pub(super) struct Limits(Mutex<Open>);

#[derive(Default)]
struct Open {
    all: usize,
    of: HashMap<Uuid, usize>,
}

impl Limits {
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
        if open.all >= OF_ALL {
            let error = Error::unavailable(anyhow!("{OF_ALL} event streams are open"));
            return Err(error.with_retry_after(RETRY_AFTER));
        }
        open.all += 1;
        *open.of.entry(subject).or_default() += 1;
        Ok(Permit {
            limits: self.clone(),
            subject,
        })
    }

    fn open(&self) -> MutexGuard<'_, Open> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
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
        open.all -= 1;
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
        let limits = Arc::new(Limits::default());
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
        let limits = Arc::new(Limits::default());
        let all: Vec<_> = (0..OF_ALL)
            .map(|_| limits.take(Uuid::now_v7()).unwrap())
            .collect();
        let refused = limits.take(Uuid::now_v7()).err().unwrap();
        assert_eq!(refused.code(), Code::Unavailable);
        drop(all);
        limits.take(Uuid::now_v7()).unwrap();
    }
}
