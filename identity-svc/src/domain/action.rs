/// What the audit log tells of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    UserRegistered,
    SignInFailed,
    SignInThrottled,
    EmailVerified,
    PasswordResetRequested,
    PasswordReset,
    PasswordChanged,
    SecondFactorEnabled,
    SecondFactorDisabled,
    SecondFactorFailed,
    RecoveryCodeUsed,
    RecoveryCodesRenewed,
    SessionOpened,
    SessionEnded,
    RefreshTokenReused,
    RolesSet,
    RoleAdded,
    RoleChanged,
    RoleDeleted,
}

impl Action {
    /// Every action, for those who filter by one.
    pub const ALL: [Self; 19] = [
        Self::UserRegistered,
        Self::SignInFailed,
        Self::SignInThrottled,
        Self::EmailVerified,
        Self::PasswordResetRequested,
        Self::PasswordReset,
        Self::PasswordChanged,
        Self::SecondFactorEnabled,
        Self::SecondFactorDisabled,
        Self::SecondFactorFailed,
        Self::RecoveryCodeUsed,
        Self::RecoveryCodesRenewed,
        Self::SessionOpened,
        Self::SessionEnded,
        Self::RefreshTokenReused,
        Self::RolesSet,
        Self::RoleAdded,
        Self::RoleChanged,
        Self::RoleDeleted,
    ];

    /// As it is stored and shown: what it concerns, and what happened.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::UserRegistered => "user.registered",
            Self::SignInFailed => "sign_in.failed",
            Self::SignInThrottled => "sign_in.throttled",
            Self::EmailVerified => "email.verified",
            Self::PasswordResetRequested => "password.reset_requested",
            Self::PasswordReset => "password.reset",
            Self::PasswordChanged => "password.changed",
            Self::SecondFactorEnabled => "second_factor.enabled",
            Self::SecondFactorDisabled => "second_factor.disabled",
            Self::SecondFactorFailed => "second_factor.failed",
            Self::RecoveryCodeUsed => "recovery_code.used",
            Self::RecoveryCodesRenewed => "recovery_codes.renewed",
            Self::SessionOpened => "session.opened",
            Self::SessionEnded => "session.ended",
            Self::RefreshTokenReused => "refresh_token.reused",
            Self::RolesSet => "user.roles_set",
            Self::RoleAdded => "role.added",
            Self::RoleChanged => "role.changed",
            Self::RoleDeleted => "role.deleted",
        }
    }
}
