//! What identity-svc's words mean, and the rules that need no database.

mod action;
mod actor;
mod api_key;
mod email;
mod our_service;
mod password;
mod permission;
mod person_name;
mod refresh_token;
mod role;
mod scope;
mod service_account;
mod user;

pub use action::Action;
pub use actor::{Actor, Origin};
pub use api_key::{ApiKey, KeyName, NewApiKey};
pub use email::Email;
pub use our_service::OurService;
pub use password::Password;
pub use permission::Permission;
pub use person_name::PersonName;
pub use refresh_token::{RefreshSecret, RefreshToken};
pub use role::{ADMIN, CUSTOMER, Role, RoleDefinition, RoleName};
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
    #[error("there is a service account of this name")]
    AccountExists,
    #[error("the account has two secrets; delete one first")]
    TooManySecrets,
    #[error("you have 50 API keys; delete one first")]
    TooManyApiKeys,
}
