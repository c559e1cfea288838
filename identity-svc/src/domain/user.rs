use chrono::{DateTime, Utc};
use uuid::Uuid;

/// A person with an account, and what the roles held permit.
#[derive(Debug, Clone)]
pub struct User {
    pub id: Uuid,
    pub email: String,
    pub name: String,
    /// The user showed to read the mail that goes to the address.
    pub email_verified: bool,
    /// In alphabetical order.
    pub roles: Vec<String>,
    /// In alphabetical order. Whoever is disabled has none.
    pub permissions: Vec<String>,
    pub disabled: bool,
    pub created_at: DateTime<Utc>,
}
