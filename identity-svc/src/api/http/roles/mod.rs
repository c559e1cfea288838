//! Roles and what they permit.

pub mod create;
pub mod delete;
pub mod list;
pub mod replace;

use serde::Serialize;
use utoipa::ToSchema;

use crate::domain;

/// A role and what it permits.
#[derive(Serialize, ToSchema)]
pub struct Role {
    #[schema(example = "staff")]
    name: String,
    #[schema(example = json!(["orders:manage", "reports:read"]))]
    permissions: Vec<String>,
}

impl From<domain::Role> for Role {
    fn from(role: domain::Role) -> Self {
        Self {
            name: role.name,
            permissions: role.permissions,
        }
    }
}
