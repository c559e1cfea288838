/// Why a session ended before its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// Whoever had its refresh token signed out.
    SignedOut,
    /// Its owner ended it, maybe from elsewhere.
    ByOwner,
    ByManager,
    /// A spent refresh token came again: somebody has a copy.
    TokenReused,
    /// Its owner had so many, and it was the oldest.
    TooMany,
    UserDisabled,
    /// The password is another one.
    PasswordSet,
    /// A second factor guards the account from now on, or none any more.
    SecondFactorChanged,
}

impl Ending {
    /// As the audit log shows it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::SignedOut => "signed_out",
            Self::ByOwner => "ended_by_owner",
            Self::ByManager => "ended_by_manager",
            Self::TokenReused => "refresh_token_reused",
            Self::TooMany => "too_many_sessions",
            Self::UserDisabled => "user_disabled",
            Self::PasswordSet => "password_set",
            Self::SecondFactorChanged => "second_factor_changed",
        }
    }
}
