use std::{str::FromStr as _, time::Duration};

use chrono::{DateTime, Utc};
use cron::Schedule;
use sqlx::PgPool;
use tokio::time;
use tokio_util::sync::CancellationToken;

use super::{NewJob, Recurring, Tick, enqueue};

const PAUSE_BEFORE_RETRY: Duration = Duration::from_secs(1);

/// When a schedule is due next. None if it is malformed or never due again.
#[must_use]
pub fn next_tick(schedule: &str, after: DateTime<Utc>) -> Option<DateTime<Utc>> {
    Schedule::from_str(schedule).ok()?.after(&after).next()
}

/// Enqueues a recurring job at each of its ticks until `stop`. Every replica does so; the key makes it one job.
/// Ticks that pass while no replica runs are left out.
pub async fn repeat<J: Recurring>(pool: PgPool, stop: CancellationToken) {
    let mut last = Utc::now();
    while let Some(at) = next_tick(J::SCHEDULE, last.max(Utc::now())) {
        let wait = (at - Utc::now()).to_std().unwrap_or_default();
        if time::timeout(wait, stop.cancelled()).await.is_ok() {
            return;
        }
        let mut failures = 0;
        while let Err(error) = enqueue_tick::<J>(&pool, at).await {
            if failures == 0 {
                tracing::warn!(job.kind = J::KIND, %error, "a recurring job could not be enqueued; trying on");
            }
            failures += 1;
            if time::timeout(PAUSE_BEFORE_RETRY, stop.cancelled())
                .await
                .is_ok()
            {
                return;
            }
        }
        last = at;
    }
    tracing::error!(
        job.kind = J::KIND,
        schedule = J::SCHEDULE,
        "a schedule has no next tick"
    );
}

async fn enqueue_tick<J: Recurring>(pool: &PgPool, at: DateTime<Utc>) -> chassis::Result<()> {
    let key = format!("{}@{}", J::KIND, at.format("%Y-%m-%dT%H:%M:%SZ"));
    let mut conn = pool.acquire().await?;
    enqueue::<J>(&mut conn, vec![NewJob::new(key, Tick { at })]).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_schedule_has_a_next_tick() {
        let now: chrono::DateTime<chrono::Utc> = "2026-03-01T23:59:59Z".parse().unwrap();
        for (kind, schedule) in crate::jobs::RECURRING {
            let next = next_tick(schedule, now);
            let day = now..now + chrono::TimeDelta::days(1);
            assert!(
                next.is_some_and(|next| next > now && day.contains(&next)),
                "{kind}: {next:?}"
            );
        }
        assert_eq!(next_tick("every day", now), None);
    }
}
