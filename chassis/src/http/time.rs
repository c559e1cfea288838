//! A moment, as a caller writes it.

use std::str::FromStr;

use chrono::{DateTime, Datelike as _, Utc};
use serde::{Deserialize, Serialize};

/// A moment that RFC 3339 can write: of the years 0000 to 9999, in UTC. chrono reads others, which our answers could not
/// show, and PostgreSQL does not have all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "DateTime<Utc>")]
pub struct Time(DateTime<Utc>);

impl FromStr for Time {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        DateTime::parse_from_rfc3339(text)
            .map(|time| time.to_utc())
            .ok()
            .filter(|time| (0..=9999).contains(&time.year()))
            .map(Self)
            .ok_or("must be a time, like 2026-07-01T09:30:00Z")
    }
}

impl TryFrom<String> for Time {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Time> for DateTime<Utc> {
    fn from(Time(time): Time) -> Self {
        time
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_of_the_years_that_can_be_written() {
        for good in [
            "0000-01-01T00:00:00Z",
            "9999-12-31T23:59:59.999999Z",
            "2026-07-01T09:30:00+02:00",
        ] {
            good.parse::<Time>().unwrap();
        }
        for bad in [
            "",
            "2026-07-01",
            "-0001-01-01T00:00:00Z",
            "+10000-01-01T00:00:00Z",
            "-262143-01-01T00:00:00Z",
            // In UTC of the year before the first, and after the last.
            "0000-01-01T00:00:00+01:00",
            "9999-12-31T23:59:59-01:00",
        ] {
            assert!(bad.parse::<Time>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_time_in_json_is_its_text() {
        let text = r#""2026-07-01T09:30:00Z""#;
        let time: Time = serde_json::from_str(text).unwrap();
        assert_eq!(serde_json::to_string(&time).unwrap(), text);
    }
}
