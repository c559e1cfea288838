use uuid::Uuid;

/// Somebody who has proven to be a user, by what guarded the account at that time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Proven {
    pub user: Uuid,
    /// Of what guarded the account. If it is another by now, the proof is worth nothing.
    pub guard_version: i64,
}
