use std::net::IpAddr;

use chrono::{DateTime, Utc};
use ipnet::IpNet;
use uuid::Uuid;

use super::{Action, Invalid};

/// Which rows of the audit log somebody wants to see: those that fulfil all that is asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AuditFilter {
    pub actor: Option<Uuid>,
    pub subject: Option<String>,
    /// One of these.
    pub actions: Option<Vec<Action>>,
    /// From an address of this network; a single address is a network of one.
    pub network: Option<IpNet>,
    /// From then on.
    pub from: Option<DateTime<Utc>>,
    /// Before then.
    pub to: Option<DateTime<Utc>>,
}

impl AuditFilter {
    /// # Errors
    /// When it is no UUID.
    pub fn actor(text: &str) -> Result<Uuid, Invalid> {
        text.parse().map_err(|_| Invalid::new("is not a UUID"))
    }

    /// # Errors
    /// When it holds control characters, which no subject does.
    pub fn subject(text: &str) -> Result<String, Invalid> {
        if text.contains(char::is_control) {
            return Err(Invalid::new("must not hold control characters"));
        }
        Ok(text.to_owned())
    }

    /// # Errors
    /// When it is neither an address nor a network.
    pub fn network(text: &str) -> Result<IpNet, Invalid> {
        text.parse::<IpNet>()
            .or_else(|_| text.parse::<IpAddr>().map(|one| one.to_canonical().into()))
            .map_err(|_| Invalid::new("is no address and no network, such as 10.0.0.0/8"))
    }

    /// # Errors
    /// When it is no time.
    pub fn time(text: &str) -> Result<DateTime<Utc>, Invalid> {
        DateTime::parse_from_rfc3339(text)
            .map(|time| time.to_utc())
            .map_err(|_| Invalid::new("is no time, such as 2026-07-01T09:30:00Z"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_a_network_of_one() {
        let network = |text| AuditFilter::network(text).unwrap();
        assert_eq!(network("192.0.2.7"), network("192.0.2.7/32"));
        assert_eq!(network("2001:db8::7"), network("2001:db8::7/128"));
        for text in ["", "nowhere", "192.0.2", "192.0.2.0/33", "192.0.2.7%"] {
            assert!(AuditFilter::network(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_time_has_a_date_and_an_offset() {
        let time = |text| AuditFilter::time(text).unwrap();
        assert_eq!(
            time("2026-07-01T11:30:00+02:00"),
            time("2026-07-01T09:30:00Z")
        );
        for text in ["", "yesterday", "2026-07-01", "2026-07-01T09:30:00"] {
            assert!(AuditFilter::time(text).is_err(), "{text:?}");
        }
    }
}
