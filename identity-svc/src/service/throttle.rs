use std::time::Duration;

use chassis::{Code, Error, Result};

use super::Identity;
use crate::domain::{AccountKey, Actor, Limit};

/// Whether addresses of the network are throttled. Accounts always are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum RateLimits {
    On,
    Off,
}

impl Identity {
    /// # Errors
    /// `too-many-attempts` while the account or the actor's address has to wait; `unavailable`.
    pub(super) async fn hear(&self, actor: &Actor, account: &AccountKey) -> Result<()> {
        let failures = self.repository.failures(account).await?;
        if let Some(left) = failures.pause_left() {
            return Err(too_many_attempts(left));
        }
        self.hear_address(actor).await
    }

    /// # Errors
    /// `too-many-attempts` while the actor's address has to wait; `unavailable`.
    pub(super) async fn hear_address(&self, actor: &Actor) -> Result<()> {
        let network = actor.origin.network();
        if let (Some(limit), Some(network)) = (self.limit(&Limit::FAILURES), network)
            && let Some(left) = self.repository.closed(network, limit).await?
        {
            return Err(too_many_attempts(left));
        }
        Ok(())
    }

    /// Counts one more of what the limit is of from the actor's address.
    ///
    /// # Errors
    /// `too-many-attempts` when that is too many; `unavailable`.
    pub(super) async fn count(&self, actor: &Actor, limit: &Limit) -> Result<()> {
        let left = match self.limit(limit) {
            Some(limit) => self.repository.count(actor, limit).await?,
            None => None,
        };
        left.map_or(Ok(()), |left| Err(too_many_attempts(left)))
    }

    /// Counts a token that was none, and refuses it: by `refusal`, or by `too-many-attempts`. Nobody guesses a token, so
    /// a good one is taken however many bad ones came from its address.
    pub(super) async fn refuse_token<T>(&self, actor: &Actor, refusal: Error) -> Result<T> {
        self.count(actor, &Limit::FAILURES).await?;
        Err(refusal)
    }

    /// The limit, if addresses are throttled.
    pub(super) fn limit<'a>(&self, limit: &'a Limit) -> Option<&'a Limit> {
        match self.rate_limits {
            RateLimits::On => Some(limit),
            RateLimits::Off => None,
        }
    }
}

fn too_many_attempts(left: Duration) -> Error {
    // Whole seconds, and not a moment too early.
    let seconds = Duration::from_secs(left.as_secs() + u64::from(left.subsec_nanos() > 0));
    Error::new(
        Code::TooManyRequests,
        "too-many-attempts",
        "too many attempts; wait before you try again",
    )
    .with_retry_after(seconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_waits_as_told_has_waited_enough() {
        for (left, told) in [(1, "1s"), (1_000, "1s"), (1_001, "2s"), (899_999, "900s")] {
            let error = too_many_attempts(Duration::from_millis(left));
            assert_eq!(format!("{:?}", error.retry_after().unwrap()), told);
        }
    }
}
