//! Open-loop load: requests come by a clock, whether those before them are answered or not.

use std::{
    thread,
    time::{Duration, Instant},
};

use futures::{StreamExt as _, stream::FuturesUnordered};
use tokio::sync::mpsc;

use super::load::{Clients, Tally};

/// What is counted when a request is due and every client waits for an answer.
pub const NO_CLIENT_FREE: &str = "not sent: all clients wait";

/// So many requests a second for so long, in even steps, then waits for the last answers. How long each took counts from
/// when it was due.
///
/// # Errors
/// Never for a request's sake; only if a latency of hours cannot be recorded.
pub async fn run<C: Clients>(
    mut clients: C,
    per_second: f64,
    duration: Duration,
) -> anyhow::Result<Tally> {
    let begun = Instant::now();
    let end = begun + duration;
    let mut arrivals = clock(begun, per_second, duration);
    // The one that was busy last is taken first: no more connections than are needed.
    let mut free: Vec<usize> = (0..clients.count()).rev().collect();
    let mut calls = FuturesUnordered::new();
    let mut tally = Tally::new()?;
    loop {
        tokio::select! {
            biased;
            Some(due) = arrivals.recv() => match free.pop() {
                Some(client) => {
                    let call = clients.call(client);
                    calls.push(async move { (client, call.await, due.elapsed()) });
                }
                None => *tally.errors.entry(NO_CLIENT_FREE.to_owned()).or_default() += 1,
            },
            Some((client, outcome, took)) = calls.next() => {
                tally.count(outcome, took, Instant::now() <= end)?;
                free.push(client);
            }
            else => break,
        }
    }
    tally.took = begun.elapsed();
    Ok(tally)
}

/// Tells when each request is due. A thread of its own: the runtime's timer has steps of a millisecond.
fn clock(begun: Instant, per_second: f64, duration: Duration) -> mpsc::UnboundedReceiver<Instant> {
    let (tell, told) = mpsc::unbounded_channel();
    let count = (per_second * duration.as_secs_f64()) as u64;
    thread::spawn(move || {
        for number in 0..count {
            let due = begun + Duration::from_secs_f64(number as f64 / per_second);
            thread::sleep(due.saturating_duration_since(Instant::now()));
            if tell.send(due).is_err() {
                return;
            }
        }
    });
    told
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::load::Refusal;

    /// Answers after so long, or refuses.
    struct Slow(usize, Duration, bool);

    impl Clients for Slow {
        fn count(&self) -> usize {
            self.0
        }

        fn call(
            &mut self,
            _: usize,
        ) -> impl Future<Output = Result<(), Refusal>> + Send + 'static + use<> {
            let (time, is_refused) = (self.1, self.2);
            async move {
                tokio::time::sleep(time).await;
                if is_refused {
                    return Err(Refusal {
                        kind: "503".to_owned(),
                        doubtful: false,
                    });
                }
                Ok(())
            }
        }
    }

    #[tokio::test]
    async fn requests_come_whether_those_before_are_answered_or_not() {
        let time = Duration::from_millis(200);
        let tally = run(Slow(100, time, false), 100.0, time).await.unwrap();
        assert_eq!(tally.accepted, 20);
        assert!(tally.in_time <= 1, "{}", tally.in_time);
        assert!(tally.latency.min() >= 199_000, "{}", tally.latency.min());
        assert!(tally.took >= time + Duration::from_millis(150));
        assert!(tally.errors.is_empty());
    }

    #[tokio::test]
    async fn what_nobody_is_free_to_send_and_what_is_refused_is_counted_apart() {
        let time = Duration::from_millis(400);
        let tally = run(Slow(2, time, true), 50.0, time).await.unwrap();
        assert_eq!(tally.accepted, 0);
        assert_eq!(tally.errors["503"] + tally.errors[NO_CLIENT_FREE], 20);
        assert_eq!(tally.errors["503"], tally.refusal.len());
        assert!((2..=4).contains(&tally.errors["503"]));
    }
}
