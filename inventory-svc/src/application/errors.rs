//! The domain's errors, as callers see them.

use chassis::{Code, Error, FieldError};
use serde_json::json;

use crate::domain::{
    Fault, HoldError, InvalidAdjustment, InvalidMovement, InvalidProduct, InvalidTerms,
    NotEnoughPoints, RefusedReservation, Shortage,
};

/// So many faults of a file are named; there is no use in reading more.
const MAX_FAULTS: usize = 1_000;

impl From<InvalidProduct> for Error {
    fn from(invalid: InvalidProduct) -> Self {
        Self::invalid_field(invalid.field(), invalid.to_string())
    }
}

impl From<InvalidMovement> for Error {
    fn from(invalid: InvalidMovement) -> Self {
        Self::invalid_field(invalid.field(), invalid.to_string())
    }
}

impl From<InvalidTerms> for Error {
    fn from(invalid: InvalidTerms) -> Self {
        Self::invalid_field(invalid.field(), invalid.to_string())
    }
}

impl From<InvalidAdjustment> for Error {
    fn from(invalid: InvalidAdjustment) -> Self {
        Self::invalid_field(invalid.field(), invalid.to_string())
    }
}

impl From<NotEnoughPoints> for Error {
    fn from(error: NotEnoughPoints) -> Self {
        Self::new(Code::Conflict, "not-enough-points", error.to_string())
    }
}

impl From<RefusedReservation> for Error {
    fn from(refused: RefusedReservation) -> Self {
        let detail = refused.to_string();
        match refused {
            RefusedReservation::Empty => Self::invalid_field("lines", detail),
            RefusedReservation::Quantity { line } => {
                Self::invalid_field(format!("lines[{line}].quantity"), detail)
            }
            RefusedReservation::Sku { line, .. } | RefusedReservation::OtherCurrency { line } => {
                Self::invalid_field(format!("lines[{line}].sku"), detail)
            }
            RefusedReservation::Ordered { line } => {
                Self::invalid_field(format!("context.lines[{line}]"), detail)
            }
            RefusedReservation::UnknownSkus { lines } => Self::invalid(
                lines
                    .into_iter()
                    .map(|line| FieldError {
                        field: format!("lines[{line}].sku"),
                        detail: detail.clone(),
                    })
                    .collect(),
            ),
            RefusedReservation::Shortages(short) => insufficient_stock(&short),
            RefusedReservation::Code(_) => Self::invalid_field("incentive.discount_code", detail),
            RefusedReservation::NegativePoints | RefusedReservation::Points(_) => {
                Self::invalid_field("incentive.redeem_points", detail)
            }
        }
    }
}

/// The error of a file of which these lines are at fault: `lines[7].price` is the price in line 7.
pub(crate) fn faulty_file(mut faults: Vec<Fault>) -> Error {
    faults.sort_by_key(|fault| fault.line);
    let more = faults.len().saturating_sub(MAX_FAULTS);
    faults.truncate(MAX_FAULTS);
    let fields = faults
        .into_iter()
        .map(|fault| FieldError {
            field: match fault.column {
                Some(column) => format!("lines[{}].{}", fault.line, column.as_str()),
                None => format!("lines[{}]", fault.line),
            },
            detail: fault.detail,
        })
        .collect();
    let error = Error::invalid(fields);
    if more > 0 {
        error.with_extension("more_errors", json!(more))
    } else {
        error
    }
}

fn insufficient_stock(short: &[Shortage]) -> Error {
    let items: Vec<_> = short
        .iter()
        .map(|item| json!({"sku": item.sku.as_str(), "requested": item.requested, "available": item.available}))
        .collect();
    let named: Vec<_> = short
        .iter()
        .map(|item| {
            format!(
                "{} (asked for {}, available {})",
                item.sku, item.requested, item.available
            )
        })
        .collect();
    Error::new(
        Code::Conflict,
        "insufficient-stock",
        format!("not enough stock: {}", named.join(", ")),
    )
    .with_extension("items", json!(items))
}

impl From<HoldError> for Error {
    fn from(error: HoldError) -> Self {
        match error {
            HoldError::Closed => Self::new(Code::Conflict, "hold-closed", error.to_string()),
            HoldError::WrongToken => {
                Self::new(Code::PermissionDenied, "wrong-token", error.to_string())
            }
            HoldError::Fulfilled => Self::new(Code::Conflict, "hold-fulfilled", error.to_string()),
            // Nothing that a caller did leads here.
            HoldError::LostHold { .. } | HoldError::UnknownHold { .. } => Self::internal(error),
        }
    }
}
