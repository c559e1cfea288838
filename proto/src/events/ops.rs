//! Events about the system itself.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{events, identity, inventory, order};

events! {
    sources: &[order::SOURCE, inventory::SOURCE, identity::SOURCE, "/gateway", "/worker"];

    /// A service logged at ERROR. Such an event does not wait for a broker that is away longer than the process lives.
    ERROR_LOGGED = "ops.error_logged.v1",
        subject: "The service's name" = "order-svc",
        version: None,
        data: ErrorLogged = ErrorLogged {
            service: "order-svc".to_owned(),
            version: "0.1.0".to_owned(),
            target: "chassis::error".to_owned(),
            message: "request failed".to_owned(),
            trace_id: Some("4bf92f3577b34da6a3ce929d0e0e4736".to_owned()),
            fields: BTreeMap::from([("error".to_owned(), "internal: a row is gone".to_owned())]),
        };
}

/// The payload of `error_logged`: one line that a service logged at ERROR.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ErrorLogged {
    /// For example `order-svc`.
    pub service: String,
    pub version: String,
    /// The module that logged it.
    pub target: String,
    pub message: String,
    /// Of the request in which it happened.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    #[schema(nullable = false)]
    pub trace_id: Option<String>,
    /// What else the line says.
    pub fields: BTreeMap<String, String>,
}
