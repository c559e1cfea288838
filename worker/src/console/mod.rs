//! The operators' first page. It is served bare, to anyone: what it shows it asks of the REST interface, with the token of
//! whoever signs in.

use askama::Template;
use axum::{
    Router,
    response::{IntoResponse, Response},
    routing::get,
};
use chassis::Error;
use http::{
    HeaderName, HeaderValue,
    header::{
        CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY,
        X_CONTENT_TYPE_OPTIONS,
    },
};

use crate::{jobs::KINDS, queue::JobState};

/// Nothing but our own files, and no framing by others; so that text which slips through as markup can run nothing.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; \
     form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
);

pub fn routes() -> Router {
    Router::new()
        .route("/console", get(page))
        .route("/console/app.js", get(script))
        .route("/console/app.css", get(style))
}

#[derive(Template)]
#[template(path = "console/index.html")]
struct Page {
    states: &'static [JobState],
    kinds: &'static [&'static str],
}

async fn page() -> Result<Response, Error> {
    let page = Page {
        states: &JobState::ALL,
        kinds: KINDS,
    };
    let html = page.render().map_err(Error::internal)?;
    Ok(file("text/html; charset=utf-8", html))
}

async fn script() -> Response {
    file(
        "text/javascript; charset=utf-8",
        include_str!("../../assets/console.js"),
    )
}

async fn style() -> Response {
    file(
        "text/css; charset=utf-8",
        include_str!("../../assets/console.css"),
    )
}

fn file(media_type: &'static str, body: impl IntoResponse) -> Response {
    let headers: [(HeaderName, HeaderValue); 5] = [
        (CONTENT_TYPE, HeaderValue::from_static(media_type)),
        (CONTENT_SECURITY_POLICY, POLICY),
        (X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
        (REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
        // The three files belong together: after an upgrade none of them may be an old one.
        (CACHE_CONTROL, HeaderValue::from_static("no-cache")),
    ];
    (headers, body).into_response()
}
