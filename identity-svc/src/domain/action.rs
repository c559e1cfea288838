/// What the audit log tells of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    UserRegistered,
    SignInFailed,
    SessionOpened,
    SessionEnded,
    RefreshTokenReused,
    RolesSet,
    RoleAdded,
    RoleChanged,
    RoleDeleted,
    KeysRotated,
}

impl Action {
    /// Every action, for those who filter by one.
    pub const ALL: [Self; 10] = [
        Self::UserRegistered,
        Self::SignInFailed,
        Self::SessionOpened,
        Self::SessionEnded,
        Self::RefreshTokenReused,
        Self::RolesSet,
        Self::RoleAdded,
        Self::RoleChanged,
        Self::RoleDeleted,
        Self::KeysRotated,
    ];

    /// As it is stored and shown: what it concerns, and what happened.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::UserRegistered => "user.registered",
            Self::SignInFailed => "sign_in.failed",
            Self::SessionOpened => "session.opened",
            Self::SessionEnded => "session.ended",
            Self::RefreshTokenReused => "refresh_token.reused",
            Self::RolesSet => "user.roles_set",
            Self::RoleAdded => "role.added",
            Self::RoleChanged => "role.changed",
            Self::RoleDeleted => "role.deleted",
            Self::KeysRotated => "keys.rotated",
        }
    }
}
