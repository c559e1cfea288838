use uuid::Uuid;

/// Who changes an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Actor {
    User(Uuid),
    /// What follows from news of another service.
    System,
}

impl Actor {
    /// None for the system.
    #[must_use]
    pub fn user(self) -> Option<Uuid> {
        match self {
            Self::User(id) => Some(id),
            Self::System => None,
        }
    }
}
