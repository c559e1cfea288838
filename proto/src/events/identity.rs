//! Events of identity-svc. They name no e-mail address and carry no secret: who needs them asks identity-svc.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::{AT, SESSION, USER, events};

pub const SOURCE: &str = "/identity-svc";

events! {
    sources: &[SOURCE];

    /// Somebody has an account.
    USER_REGISTERED = "identity.user_registered.v1",
        subject: "The user's id" = USER,
        version: Some(1),
        data: UserData = customer(false);
    /// The roles of a user or a service account are others than before, or the user was disabled or enabled. Who keeps what they
    /// may do asks again.
    USER_CHANGED = "identity.user_changed.v1",
        subject: "The id of the user or the service account" = USER,
        version: Some(2),
        data: UserData = customer(true);
    /// A role permits something else than before; who holds it has not changed, so there is no `identity.user_changed.v1`. Who
    /// keeps what anybody may do asks again. A role that nobody holds yet, or any more, is made and deleted without an event.
    ROLE_CHANGED = "identity.role_changed.v1",
        subject: "The role's name" = "night-shift",
        version: Some(2),
        data: RoleData = RoleData {
            role: "night-shift".to_owned(),
            permissions: vec!["orders:manage".to_owned(), "reports:read".to_owned()],
        };
    /// Sessions ended before their time: access tokens with their `sid` are refused from now on.
    SESSIONS_ENDED = "identity.sessions_ended.v1",
        subject: "The id of whose they were" = USER,
        version: None,
        data: SessionsData = SessionsData { owner_id: USER, session_ids: vec![SESSION], ended_at: AT };
    /// There is a new key, or one is no longer to be trusted: who keeps keys asks again.
    KEYS_CHANGED = "identity.keys_changed.v1",
        subject: "Always `signing-keys`" = "signing-keys",
        version: None,
        data: KeysData = KeysData { kids: vec!["9f4e7c1a2b3d5e60".to_owned()] };
    /// A user is to get a mail; its text and links are asked of identity-svc when it is written.
    MAIL_REQUESTED = "identity.mail_requested.v1",
        subject: "The user's id" = USER,
        version: None,
        data: MailData = MailData { user_id: USER, kind: MailKind::PasswordChanged };
}

/// The payload of `user_registered` and `user_changed`: the user or the service account after the change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct UserData {
    pub user_id: Uuid,
    pub roles: Vec<String>,
    /// Whether they can sign in no more.
    #[serde(default)]
    pub disabled: bool,
}

/// The payload of `role_changed`: the role after the change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RoleData {
    pub role: String,
    /// In alphabetical order.
    pub permissions: Vec<String>,
}

/// The payload of `sessions_ended`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SessionsData {
    /// Whose they were: a user or a service account.
    pub owner_id: Uuid,
    pub session_ids: Vec<Uuid>,
    pub ended_at: DateTime<Utc>,
}

/// The payload of `keys_changed`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct KeysData {
    /// Those that are published from now on.
    pub kids: Vec<String>,
}

/// The payload of `mail_requested`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MailData {
    pub user_id: Uuid,
    pub kind: MailKind,
}

/// What a mail is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum MailKind {
    /// The link that verifies the address.
    EmailVerification,
    /// The link that sets a new password.
    PasswordReset,
    /// Somebody tried to register with an address that has an account.
    AlreadyRegistered,
    /// The password was changed or reset.
    PasswordChanged,
    /// A second factor guards the account from now on.
    SecondFactorEnabled,
    /// No second factor guards the account any more.
    SecondFactorDisabled,
    /// A recovery code was used in place of the second factor.
    RecoveryCodeUsed,
}

impl MailKind {
    pub const ALL: [Self; 7] = [
        Self::EmailVerification,
        Self::PasswordReset,
        Self::AlreadyRegistered,
        Self::PasswordChanged,
        Self::SecondFactorEnabled,
        Self::SecondFactorDisabled,
        Self::RecoveryCodeUsed,
    ];

    /// As the event has it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::EmailVerification => "email_verification",
            Self::PasswordReset => "password_reset",
            Self::AlreadyRegistered => "already_registered",
            Self::PasswordChanged => "password_changed",
            Self::SecondFactorEnabled => "second_factor_enabled",
            Self::SecondFactorDisabled => "second_factor_disabled",
            Self::RecoveryCodeUsed => "recovery_code_used",
        }
    }

    /// Reads what [`as_str`](Self::as_str) wrote; `None` for anything else.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }
}

fn customer(disabled: bool) -> UserData {
    UserData {
        user_id: USER,
        roles: vec!["customer".to_owned()],
        disabled,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_of_mail_has_one_name() {
        for kind in MailKind::ALL {
            let json = serde_json::to_value(kind).ok();
            assert_eq!(json, Some(kind.as_str().into()));
            assert_eq!(MailKind::parse(kind.as_str()), Some(kind));
        }
        assert_eq!(MailKind::parse("spam"), None);
    }
}
