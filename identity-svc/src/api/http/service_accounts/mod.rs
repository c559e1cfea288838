//! Programs of the shop's owner, which sign in by themselves.

pub mod add_secret;
pub mod create;
pub mod delete;
pub mod delete_secret;
pub mod get;
pub mod list;
pub mod set_roles;

use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::domain;

/// A program of the shop's owner.
#[derive(Serialize, ToSchema)]
pub struct ServiceAccount {
    id: Uuid,
    #[schema(example = "till")]
    name: String,
    #[schema(example = json!(["staff"]))]
    roles: Vec<String>,
    /// Those in force, oldest first.
    secrets: Vec<AccountSecret>,
    created_at: DateTime<Utc>,
}

/// That there is a secret; nobody can see it again.
#[derive(Serialize, ToSchema)]
pub struct AccountSecret {
    id: Uuid,
    created_at: DateTime<Utc>,
}

impl From<domain::ServiceAccount> for ServiceAccount {
    fn from(account: domain::ServiceAccount) -> Self {
        let secrets = account.secrets.into_iter();
        Self {
            id: account.id,
            name: account.name,
            roles: account.roles,
            secrets: secrets
                .map(|secret| AccountSecret {
                    id: secret.id,
                    created_at: secret.created_at,
                })
                .collect(),
            created_at: account.created_at,
        }
    }
}
