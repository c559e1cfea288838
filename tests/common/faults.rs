//! Faults at given points of the services' code. Each test is a process of its own, so they are this test's alone.

use std::{
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use tokio::{runtime::Handle, sync::watch, task::block_in_place};

/// Who passes the point next fails there.
pub fn fail_once(point: &str) {
    fail::cfg(point, "1*return").expect("a failpoint");
}

/// Each who passes the point takes the next of these delays, in milliseconds, over and over.
pub fn slow_down(point: &str, delays: &'static [u64]) {
    let passed = AtomicUsize::new(0);
    fail::cfg_callback(point, move || {
        let delay = delays[passed.fetch_add(1, Ordering::Relaxed) % delays.len()];
        block_in_place(|| std::thread::sleep(Duration::from_millis(delay)));
    })
    .expect("a failpoint");
}

/// Holds up who passes a point next, like a process that is stopped there, until it goes on.
pub struct Stall {
    point: &'static str,
    reached: watch::Receiver<bool>,
    open: watch::Sender<bool>,
}

impl Stall {
    pub fn at(point: &'static str) -> Self {
        let (reach, reached) = watch::channel(false);
        let (open, gate) = watch::channel(false);
        fail::cfg_callback(point, move || {
            if reach.send_replace(true) {
                return;
            }
            let mut gate = gate.clone();
            // Gives this thread's other tasks away, so that nobody else is held up.
            block_in_place(|| {
                Handle::current()
                    .block_on(gate.wait_for(|open| *open))
                    .is_ok()
            });
        })
        .expect("a failpoint");
        Self {
            point,
            reached,
            open,
        }
    }

    /// Waits until somebody is held up.
    pub async fn reached(&mut self) {
        self.reached
            .wait_for(|reached| *reached)
            .await
            .expect("the point");
    }

    pub fn resume(&self) {
        self.open.send_replace(true);
    }
}

impl Drop for Stall {
    fn drop(&mut self) {
        self.resume();
        fail::remove(self.point);
    }
}
