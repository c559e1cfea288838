use sha2::{Digest as _, Sha256};
use uuid::Uuid;

/// One of our own services, which call each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OurService(&'static str);

impl OurService {
    /// `easyorder` is the command line of who operates the system.
    pub const ALL: [Self; 5] = [
        Self("gateway"),
        Self("order-svc"),
        Self("inventory-svc"),
        Self("worker"),
        Self("easyorder"),
    ];

    /// The service of this name, if there is one.
    #[must_use]
    pub fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|service| service.0 == name)
    }

    #[must_use]
    pub fn name(self) -> &'static str {
        self.0
    }

    /// Whom its tokens speak for: always the same, and nobody who could ever register.
    #[must_use]
    pub fn id(self) -> Uuid {
        let hash: [u8; 32] = Sha256::digest(self.0).into();
        let (id, _) = hash.split_at(16);
        Uuid::new_v8(id.try_into().unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_has_an_id_of_its_own_that_stays() {
        let ids = OurService::ALL.map(OurService::id);
        let distinct: std::collections::BTreeSet<_> = ids.iter().collect();
        assert_eq!(distinct.len(), ids.len());
        let worker = OurService::of_name("worker").unwrap();
        assert_eq!(
            worker.id().to_string(),
            "87eba76e-7f31-8453-8045-ba922e7770fb"
        );
        assert_eq!(OurService::of_name("somebody"), None);
    }
}
