//! The second factor: an authenticator app, and recovery codes in its place.

pub mod begin;
pub mod confirm;
pub mod disable;
pub mod get;
pub mod remove;
pub mod renew_recovery_codes;

use axum::Json;
use http::{HeaderName, header};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::domain::RecoveryCode;

/// What is shown once is kept in no cache.
type Once<T> = ([(HeaderName, &'static str); 1], Json<T>);

fn once<T>(body: T) -> Once<T> {
    ([(header::CACHE_CONTROL, "no-store")], Json(body))
}

/// Proves to be the account's owner once more.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Proof {
    #[schema(format = Password)]
    password: String,
    /// Of the app; or a recovery code.
    #[schema(example = "123456")]
    code: String,
}

/// They are shown this once.
#[derive(Serialize, ToSchema)]
pub struct RecoveryCodes {
    /// Each stands in for a code of the app, once.
    #[schema(example = json!(["7KQ2-X0M4-9TRB-VD3N-81HE-5WZC"]))]
    recovery_codes: Vec<String>,
}

impl From<Vec<RecoveryCode>> for RecoveryCodes {
    fn from(codes: Vec<RecoveryCode>) -> Self {
        Self {
            recovery_codes: codes.iter().map(RecoveryCode::encode).collect(),
        }
    }
}
