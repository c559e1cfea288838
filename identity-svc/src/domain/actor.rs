use std::net::IpAddr;

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
    fn what_a_client_calls_itself_is_kept_with_measure() {
        let address = IpAddr::from([192, 0, 2, 7]);
        let long = "é".repeat(MAX_USER_AGENT);
        let origin = Origin::new(address, Some(&long));
        assert_eq!(origin.user_agent.unwrap().len(), MAX_USER_AGENT);
        assert_eq!(Origin::new(address, None).user_agent, None);
    }
}
