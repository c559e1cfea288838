use std::time::Duration;

/// Failures in a row that cost no pause.
const FREE: u32 = 10;
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(15 * 60);

/// How often in a row somebody failed to prove to be an account's owner.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Failures {
    pub count: u32,
    /// Since the last one.
    pub age: Duration,
}

impl Failures {
    /// Failures are forgotten when there was none for this long. A pause ends sooner, so nothing is won by waiting.
    pub const REMEMBERED: Duration = Duration::from_secs(24 * 60 * 60);

    /// How long nobody is heard after so many failures: the first ten cost nothing, the next one a second, and each
    /// further one twice as much, up to 15 minutes.
    #[must_use]
    pub fn pause_after(count: u32) -> Duration {
        match count.checked_sub(FREE + 1) {
            None => Duration::ZERO,
            Some(doublings) => FIRST_PAUSE
                .saturating_mul(1 << doublings.min(31))
                .min(LONGEST_PAUSE),
        }
    }

    /// How much of the pause is left; None if the next attempt is heard.
    #[must_use]
    pub fn pause_left(&self) -> Option<Duration> {
        Self::pause_after(self.count)
            .checked_sub(self.age)
            .filter(|left| !left.is_zero())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pause_doubles_after_ten_failures() {
        let seconds = |count| Failures::pause_after(count).as_secs();
        for (count, pause) in [
            (0, 0),
            (1, 0),
            (10, 0),
            (11, 1),
            (12, 2),
            (13, 4),
            (20, 512),
            (21, 900),
            (1_000, 900),
            (u32::MAX, 900),
        ] {
            assert_eq!(seconds(count), pause, "after {count}");
        }
    }

    #[test]
    fn a_pause_ends() {
        let left = |count, age| {
            let age = Duration::from_millis(age);
            Failures { count, age }.pause_left()
        };
        assert_eq!(left(10, 0), None);
        assert_eq!(left(12, 0), Some(Duration::from_secs(2)));
        assert_eq!(left(12, 1_999), Some(Duration::from_millis(1)));
        assert_eq!(left(12, 2_000), None);
        assert_eq!(left(12, 9_000), None);
    }
}
