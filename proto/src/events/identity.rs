//! Events of identity-svc. They name no e-mail address: who needs it asks identity-svc.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

pub const SOURCE: &str = "/identity-svc";

pub const USER_REGISTERED: &str = "identity.user_registered.v1";
pub const USER_CHANGED: &str = "identity.user_changed.v1";

/// The payload of `user_registered` and `user_changed`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UserData {
    pub user_id: Uuid,
    pub roles: Vec<String>,
}
