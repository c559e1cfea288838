//! Faults at given points of the services' code. Each test is a process of its own, so they are this test's alone.

use tokio::{runtime::Handle, sync::watch, task::block_in_place};

/// Who passes the point next fails there.
pub fn fail_once(point: &str) {
    fail::cfg(point, "1*return").expect("a failpoint");
}

/// Holds up whoever passes a point, like a process that was stopped there, until it goes on.
pub struct Stall {
    point: &'static str,
    reached: watch::Receiver<u32>,
    open: watch::Sender<bool>,
}

impl Stall {
    pub fn at(point: &'static str) -> Self {
        let (reach, reached) = watch::channel(0);
        let (open, gate) = watch::channel(false);
        fail::cfg_callback(point, move || {
            reach.send_modify(|count| *count += 1);
            let mut gate = gate.clone();
            // Gives this thread's other tasks away, so that only who passes is held up.
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

    /// Waits until so many have been held up.
    pub async fn reached(&mut self, count: u32) {
        self.reached
            .wait_for(|reached| *reached >= count)
            .await
            .expect("the point");
    }

    /// Lets everybody go on.
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
