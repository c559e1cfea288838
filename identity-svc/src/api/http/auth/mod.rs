//! Registering, signing in and out, and getting in again without the password.

pub mod confirm_password_reset;
pub mod login;
pub mod logout;
pub mod refresh;
pub mod register;
pub mod request_password_reset;
pub mod token;
pub mod verify_email;

use axum::Json;
use http::{HeaderName, header};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::service;

/// A pair of tokens.
#[derive(Serialize, ToSchema)]
pub struct Tokens {
    /// A JWT for `Authorization: Bearer`.
    access_token: String,
    #[schema(example = "Bearer")]
    token_type: &'static str,
    /// Life of the access token, in seconds.
    #[schema(example = 900)]
    expires_in: i64,
    /// Gets the next pair, once.
    refresh_token: String,
}

/// Tokens, with the order to keep them in no cache (RFC 6749, 5.1).
pub type TokenResponse = ([(HeaderName, &'static str); 1], Json<Tokens>);

fn response(tokens: &service::Tokens) -> TokenResponse {
    let body = Tokens {
        access_token: tokens.access.clone(),
        token_type: "Bearer",
        expires_in: tokens.expires_in,
        refresh_token: tokens.refresh.encode(),
    };
    ([(header::CACHE_CONTROL, "no-store")], Json(body))
}

/// The code, if there is one: a form sends an empty field.
fn given(code: Option<&str>) -> Option<&str> {
    code.filter(|code| !code.trim().is_empty())
}

/// Names a session by its refresh token.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RefreshToken {
    refresh_token: String,
}
