use std::net::{IpAddr, Ipv6Addr};

use uuid::Uuid;

/// More of what a client calls itself is not kept, in bytes.
const MAX_USER_AGENT: usize = 300;

/// Where a request comes from.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Origin {
    /// None for what the system does by itself.
    pub address: Option<IpAddr>,
    /// What the client calls itself.
    pub user_agent: Option<String>,
}

/// Who does something, and from where; for the audit log.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Actor {
    /// A user or a service account; None for somebody who has not signed in, and for the system itself.
    pub id: Option<Uuid>,
    /// The program that acts for them.
    pub client_id: Option<String>,
    pub origin: Origin,
}

impl Origin {
    #[must_use]
    pub fn new(address: IpAddr, user_agent: Option<&str>) -> Self {
        let user_agent = user_agent.map(|text| {
            let end = text.floor_char_boundary(MAX_USER_AGENT);
            text[..end].to_owned()
        });
        Self {
            address: Some(address),
            user_agent,
        }
    }

    /// Whose addresses are counted together: of IPv6, somebody is given a /64 at least.
    #[must_use]
    pub fn network(&self) -> Option<IpAddr> {
        const HOST: u128 = u64::MAX as u128;
        self.address.map(|address| match address {
            IpAddr::V4(address) => IpAddr::V4(address),
            IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & !HOST)),
        })
    }

    /// Somebody who is not signed in.
    #[must_use]
    pub fn visitor(self) -> Actor {
        Actor {
            origin: self,
            ..Actor::default()
        }
    }
}

impl Actor {
    /// The system itself: a job, a command of an operator.
    #[must_use]
    pub fn system() -> Self {
        Self::default()
    }

    /// The same, known by now: by a password, for example.
    #[must_use]
    pub fn known_as(&self, id: Uuid) -> Self {
        Self {
            id: Some(id),
            ..self.clone()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_one_home_are_one_network() {
        let network = |text: &str| Origin::new(text.parse().unwrap(), None).network().unwrap();
        assert_eq!(network("192.0.2.7").to_string(), "192.0.2.7");
        assert_eq!(
            network("2001:db8:0:1:a:b:c:d").to_string(),
            "2001:db8:0:1::"
        );
        assert_ne!(network("2001:db8:0:1::1"), network("2001:db8:0:2::1"));
        assert_eq!(Origin::default().network(), None);
    }

    #[test]
    fn what_a_client_calls_itself_is_kept_with_measure() {
        let address = IpAddr::from([192, 0, 2, 7]);
        let long = "é".repeat(MAX_USER_AGENT);
        let origin = Origin::new(address, Some(&long));
        assert_eq!(origin.user_agent.unwrap().len(), MAX_USER_AGENT);
        assert_eq!(Origin::new(address, None).user_agent, None);
    }
}
