//! The pages that links in mails lead to. They are served bare, to anyone: what they do they do by the REST interface, with
//! the token of the link.

use axum::{
    Router,
    response::{IntoResponse, Response},
    routing::get,
};
use http::{
    HeaderName, HeaderValue,
    header::{
        CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY,
        X_CONTENT_TYPE_OPTIONS,
    },
};

/// Nothing but our own files, and no framing by others; so that text which slips through as markup can run nothing.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; form-action 'none'; \
     frame-ancestors 'none'; base-uri 'none'",
);

const HTML: &str = "text/html; charset=utf-8";

pub fn routes<S: Clone + Send + Sync + 'static>() -> Router<S> {
    Router::new()
        .route("/account/verify-email", get(verify_email))
        .route("/account/reset-password", get(reset_password))
        .route("/account/account.js", get(script))
        .route("/account/account.css", get(style))
}

async fn verify_email() -> Response {
    file(
        HTML,
        include_str!("../../../assets/account/verify-email.html"),
    )
}

async fn reset_password() -> Response {
    file(
        HTML,
        include_str!("../../../assets/account/reset-password.html"),
    )
}

async fn script() -> Response {
    file(
        "text/javascript; charset=utf-8",
        include_str!("../../../assets/account/account.js"),
    )
}

async fn style() -> Response {
    file(
        "text/css; charset=utf-8",
        include_str!("../../../assets/account/account.css"),
    )
}

fn file(media_type: &'static str, body: &'static str) -> Response {
    let headers: [(HeaderName, HeaderValue); 5] = [
        (CONTENT_TYPE, HeaderValue::from_static(media_type)),
        (CONTENT_SECURITY_POLICY, POLICY),
        (X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
        (REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
        // The files belong together: after an upgrade none of them may be an old one.
        (CACHE_CONTROL, HeaderValue::from_static("no-cache")),
    ];
    (headers, body).into_response()
}
