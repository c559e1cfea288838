//! The domain's errors, as callers see them.

use chassis::{Code, Error};
use serde_json::json;

use crate::domain::{IllegalTransition, InvalidBasket, Refusal};

impl From<InvalidBasket> for Error {
    fn from(invalid: InvalidBasket) -> Self {
        Self::invalid_field(invalid.field(), invalid.to_string())
    }
}

impl From<IllegalTransition> for Error {
    fn from(illegal: IllegalTransition) -> Self {
        Self::new(Code::Conflict, "illegal-transition", illegal.to_string())
            .with_extension("order_status", json!(illegal.from.as_str()))
    }
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        let detail = refusal.to_string();
        match refusal {
            Refusal::Illegal(illegal) => illegal.into(),
            Refusal::NotOrdered { line } => {
                Self::invalid_field(format!("lines[{line}].sku"), detail)
            }
            Refusal::TooMany { line, .. } => {
                Self::invalid_field(format!("lines[{line}].quantity"), detail)
            }
            Refusal::HasCode | Refusal::HasPoints => {
                Self::new(Code::Conflict, "incentive-already-applied", detail)
            }
        }
    }
}

/// No such order, or none that the caller may know of.
pub(super) fn unknown_order() -> Error {
    Error::not_found("no order of yours has this id")
}

/// The caller saw another version.
pub(super) fn stale(version: i64) -> Error {
    Error::new(
        Code::VersionMismatch,
        "version-mismatch",
        format!("the order is at version {version} now; read it again"),
    )
}
