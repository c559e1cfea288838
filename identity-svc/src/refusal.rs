//! What the outside hears of a refusal.

use chassis::{Code, Error};

use crate::domain::Refusal;

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        let kind = match refusal {
            Refusal::LastAdministrator => "last-administrator",
            Refusal::AdminManagesUsers | Refusal::BuiltInRole => "built-in-role",
            Refusal::RoleInUse => "role-in-use",
            Refusal::RoleExists => "role-exists",
            Refusal::SecondFactorEnabled => "second-factor-enabled",
            Refusal::PasswordTooShort => "password-too-short",
            Refusal::OwnSecondFactor => "own-second-factor",
            Refusal::AccountChanged => "account-changed",
            Refusal::AccountExists => "account-exists",
            Refusal::TooManySecrets => "too-many-secrets",
            Refusal::TooManyApiKeys => "too-many-api-keys",
        };
        Self::new(Code::Conflict, kind, refusal.to_string())
    }
}
