//! Events about the system itself.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub const ERROR_LOGGED: &str = "ops.error_logged.v1";

/// The payload of `error_logged`: one line that a service logged at ERROR.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorLogged {
    /// For example `order-svc`.
    pub service: String,
    pub version: String,
    /// The module that logged it.
    pub target: String,
    pub message: String,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub trace_id: Option<String>,
    pub fields: BTreeMap<String, String>,
}
