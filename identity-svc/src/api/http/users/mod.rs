//! People and the roles they hold.

pub mod disable;
pub mod enable;
pub mod get;
pub mod list;
pub mod set_roles;

use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::domain;

/// A person with an account.
#[derive(Serialize, ToSchema)]
pub struct User {
    id: Uuid,
    #[schema(example = "ann@example.com", format = "email", max_length = 254)]
    email: String,
    #[schema(example = "Ann Lee")]
    name: String,
    /// Whether the mail that goes to the address was seen to be read.
    email_verified: bool,
    #[schema(example = json!(["customer"]))]
    roles: Vec<String>,
    /// What the roles permit together; nothing, for whoever is disabled.
    permissions: Vec<String>,
    /// Cannot sign in.
    disabled: bool,
    created_at: DateTime<Utc>,
}

impl From<domain::User> for User {
    fn from(user: domain::User) -> Self {
        Self {
            id: user.id,
            email: user.email,
            name: user.name,
            email_verified: user.email_verified,
            roles: user.roles,
            permissions: user.permissions,
            disabled: user.disabled,
            created_at: user.created_at,
        }
    }
}
