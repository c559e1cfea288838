//! What identity-svc's words mean, and the rules that need no database.

mod account_key;
mod action;
mod actor;
mod api_key;
mod audit_filter;
mod device;
mod email;
mod ending;
mod factor_secret;
mod failures;
mod limit;
mod one_time_token;
mod our_service;
mod password;
mod permission;
mod person_name;
mod proven;
mod reason;
mod recovery_code;
mod refresh_token;
mod role;
mod scope;
mod service_account;
mod user;

pub use account_key::AccountKey;
pub use action::Action;
pub use actor::{Actor, Origin};
pub use api_key::{ApiKey, KeyName, NewApiKey};
pub use audit_filter::AuditFilter;
pub use device::device;
pub use email::Email;
pub use ending::Ending;
pub use factor_secret::FactorSecret;
pub use failures::Failures;
pub use limit::Limit;
pub use one_time_token::{OneTimeToken, Purpose};
pub use our_service::OurService;
pub use password::{OwnerWords, Password, PasswordRule};
pub use permission::Permission;
pub use person_name::PersonName;
pub use proven::Proven;
pub use reason::Reason;
pub use recovery_code::RecoveryCode;
pub use refresh_token::{RefreshSecret, RefreshToken};
pub use role::{ADMIN, BUILT_IN, CUSTOMER, Role, RoleDefinition, RoleName};
pub use scope::Scope;
pub use service_account::{
    AccountName, AccountSecret, ServiceAccount, account_secret, client_secret,
};
pub use user::User;

/// Why a text is not the value that it should be; for the caller to read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Invalid(pub String);

impl Invalid {
    fn new(why: impl Into<String>) -> Self {
        Self(why.into())
    }
}

/// A change that a rule forbids.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error("this user is the last administrator; make another one first")]
    LastAdministrator,
    #[error("the role `admin` always permits `users:manage`")]
    AdminManagesUsers,
    #[error("the system relies on this role; it cannot be deleted")]
    BuiltInRole,
    #[error("somebody holds this role; take it from them first")]
    RoleInUse,
    #[error("there is a role of this name")]
    RoleExists,
    #[error("a second factor guards the account; disable it first")]
    SecondFactorEnabled,
    #[error("the password is too short to guard the account alone; change it first")]
    PasswordTooShort,
    #[error("managers take away the second factors of others; disable your own by its code")]
    OwnSecondFactor,
    #[error("the password or the second factor was changed meanwhile; try again")]
    AccountChanged,
    #[error("there is a service account of this name")]
    AccountExists,
    #[error("the account has two secrets; delete one first")]
    TooManySecrets,
    #[error("you have 50 API keys; delete one first")]
    TooManyApiKeys,
}
