use super::Invalid;

/// What the audit log tells of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    UserRegistered,
    AdministratorMade,
    UserDisabled,
    UserEnabled,
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
    pub const ALL: [Self; 32] = [
        Self::UserRegistered,
        Self::AdministratorMade,
        Self::UserDisabled,
        Self::UserEnabled,
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
            Self::AdministratorMade => "user.administrator_made",
            Self::UserDisabled => "user.disabled",
            Self::UserEnabled => "user.enabled",
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

    /// The actions that somebody asks for: the one of this name or, with `session.`, all whose names begin so.
    ///
    /// # Errors
    /// When there is none.
    pub fn matching(text: &str) -> Result<Vec<Self>, Invalid> {
        let found: Vec<Self> = Self::ALL
            .into_iter()
            .filter(|action| {
                let name = action.as_str();
                name == text || (text.ends_with('.') && name.starts_with(text))
            })
            .collect();
        if found.is_empty() {
            let known = Self::ALL.map(Self::as_str).join(", ");
            Err(Invalid::new(format!("no such action; there are: {known}")))
        } else {
            Ok(found)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_action_is_asked_for_by_its_name_or_with_its_like() {
        assert_eq!(
            Action::matching("session.opened"),
            Ok(vec![Action::SessionOpened])
        );
        assert_eq!(
            Action::matching("session."),
            Ok(vec![Action::SessionOpened, Action::SessionEnded])
        );
        for text in ["", ".", "session", "session.open", "sessions.", "%"] {
            let error = Action::matching(text).unwrap_err();
            assert!(error.0.contains("session.opened"), "{text:?}");
        }
    }
}
