//! What a subscriber to the events needs to know: an AsyncAPI document, made of the types that the services publish, and a
//! page that shows the same to people.

mod document;
mod page;

use axum::{
    Router,
    extract::State,
    response::{IntoResponse, Response},
    routing::get,
};
use bytes::Bytes;
use http::{
    HeaderValue,
    header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE},
};

pub use document::document;

/// Nothing but our own style sheet.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; style-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
);

/// They stay as they are while the process runs.
#[derive(Clone)]
pub(crate) struct Rendered {
    json: Bytes,
    page: Bytes,
}

/// The document and its page.
///
/// # Errors
/// When one of them cannot be written.
pub(crate) fn router() -> anyhow::Result<Router> {
    let document = document()?;
    let rendered = Rendered {
        json: document.to_string().into(),
        page: page::render(&document)?.into(),
    };
    Ok(Router::new()
        .route("/asyncapi.json", get(json))
        .route("/asyncapi", get(page))
        .route("/asyncapi.css", get(style))
        .with_state(rendered))
}

/// The events as an AsyncAPI document
///
/// `/asyncapi` shows the same as a page.
#[utoipa::path(
    get,
    path = "/asyncapi.json",
    operation_id = "get_asyncapi",
    tag = "gateway",
    responses((status = 200, description = "AsyncAPI 3.0", body = Object))
)]
pub(crate) async fn json(State(rendered): State<Rendered>) -> Response {
    file("application/json", rendered.json)
}

async fn page(State(rendered): State<Rendered>) -> Response {
    file("text/html; charset=utf-8", rendered.page)
}

async fn style() -> Response {
    file(
        "text/css; charset=utf-8",
        include_str!("../../assets/asyncapi.css"),
    )
}

fn file(media_type: &'static str, body: impl IntoResponse) -> Response {
    let headers = [
        (CONTENT_TYPE, HeaderValue::from_static(media_type)),
        (CONTENT_SECURITY_POLICY, POLICY),
    ];
    (headers, body).into_response()
}
