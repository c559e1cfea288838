use super::Status;

/// A change that the order's status does not allow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an order that is {from} cannot be {action}")]
pub struct IllegalTransition {
    /// The past participle: cancelled, shipped.
    pub action: &'static str,
    pub from: Status,
}

/// Why an order stays as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error(transparent)]
    Illegal(#[from] IllegalTransition),
    /// `line` is the place in the request, from 0.
    #[error("the order has no such SKU")]
    NotOrdered { line: usize },
    #[error("only {left} are left")]
    TooMany { line: usize, left: i64 },
    #[error("the order has a discount code already")]
    HasCode,
    #[error("points were redeemed for the order already")]
    HasPoints,
}
