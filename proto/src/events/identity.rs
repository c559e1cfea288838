//! Events of identity-svc. They name no e-mail address: who needs it asks identity-svc.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

pub const SOURCE: &str = "/identity-svc";

pub const USER_REGISTERED: &str = "identity.user_registered.v1";
/// A user's roles are others than before. Who keeps what the user may do asks again.
pub const USER_CHANGED: &str = "identity.user_changed.v1";
/// A role permits something else than before; who holds it has not changed, so there is no `user_changed`. Who keeps what
/// anybody may do asks again. A role that nobody holds yet, or any more, is made and deleted without an event.
pub const ROLE_CHANGED: &str = "identity.role_changed.v1";

/// The payload of `user_registered` and `user_changed`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UserData {
    pub user_id: Uuid,
    pub roles: Vec<String>,
}

/// The payload of `role_changed`: the role after the change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoleData {
    pub role: String,
    /// In alphabetical order.
    pub permissions: Vec<String>,
}
