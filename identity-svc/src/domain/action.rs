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
    ServiceAccountAdded,
    ServiceAccountRolesSet,
    ServiceAccountDeleted,
    ClientSecretAdded,
    ClientSecretEnded,
    ApiKeyAdded,
    ApiKeyEnded,
    ClientTokenIssued,
    ClientRefused,
}

impl Action {
    /// Every action, for those who filter by one.
    pub const ALL: [Self; 19] = [
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
        Self::ServiceAccountAdded,
        Self::ServiceAccountRolesSet,
        Self::ServiceAccountDeleted,
        Self::ClientSecretAdded,
        Self::ClientSecretEnded,
        Self::ApiKeyAdded,
        Self::ApiKeyEnded,
        Self::ClientTokenIssued,
        Self::ClientRefused,
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
            Self::ServiceAccountAdded => "service_account.added",
            Self::ServiceAccountRolesSet => "service_account.roles_set",
            Self::ServiceAccountDeleted => "service_account.deleted",
            Self::ClientSecretAdded => "client_secret.added",
            Self::ClientSecretEnded => "client_secret.ended",
            Self::ApiKeyAdded => "api_key.added",
            Self::ApiKeyEnded => "api_key.ended",
            Self::ClientTokenIssued => "client_token.issued",
            Self::ClientRefused => "client.refused",
        }
    }
}
