use std::sync::Arc;

use axum::{
    Form, Json,
    extract::{State, rejection::FormRejection},
    response::{IntoResponse as _, Response},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use chassis::{Code, Error, Problem, Result};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use percent_encoding::percent_decode_str;
use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;

use crate::{
    api::http::actor::From,
    service::{ClientToken, Identity, invalid_client},
};

/// What a program asks for. An empty parameter counts as none.
#[derive(Default, ToSchema)]
pub struct TokenRequest {
    #[schema(example = "client_credentials")]
    grant_type: Option<String>,
    /// The id of a service account or an API key, unless it stands in the header.
    client_id: Option<String>,
    /// The secret of the account; of an API key what stands after its second `_`.
    #[schema(format = Password)]
    client_secret: Option<String>,
    /// Permissions, separated by spaces: the token gives no others.
    #[schema(example = "orders:manage reports:read")]
    scope: Option<String>,
}

/// An access token for a program.
#[derive(Serialize, ToSchema)]
pub struct Token {
    /// A JWT for `Authorization: Bearer`.
    access_token: String,
    #[schema(example = "Bearer")]
    token_type: &'static str,
    /// Life of the token, in seconds.
    #[schema(example = 900)]
    expires_in: i64,
    /// The permissions that it gives, as far as the account or the key's owner holds them; absent: all.
    #[serde(skip_serializing_if = "Option::is_none")]
    scope: Option<String>,
}

impl std::convert::From<ClientToken> for Token {
    fn from(token: ClientToken) -> Self {
        Self {
            access_token: token.access,
            token_type: "Bearer",
            expires_in: token.expires_in,
            scope: token.scope,
        }
    }
}

type Fields = Vec<(String, String)>;

/// Get an access token for a program.
///
/// The client credentials grant of OAuth 2.1. The client is a service account or an API key; it proves itself with HTTP
/// Basic or in the body. A problem has the member `error`, too, as RFC 6749, 5.2 wants it.
#[utoipa::path(
    post,
    path = "/v1/auth/token",
    operation_id = "issue_token",
    tag = "auth",
    request_body(content = TokenRequest, content_type = "application/x-www-form-urlencoded"),
    responses(
        (status = 200, description = "The token", body = Token),
        (status = 400, description = "`invalid-request`, `unsupported-grant-type`, `invalid-scope`", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "`invalid-client`: there is no such client, or its secret is another", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn token(
    State(identity): State<Arc<Identity>>,
    origin: From,
    headers: HeaderMap,
    form: Result<Form<Fields>, FormRejection>,
) -> Response {
    let granted = grant(&identity, origin, &headers, form).await;
    let mut response = match granted {
        Ok(token) => Json(Token::from(token)).into_response(),
        Err(error) => as_oauth(error).into_response(),
    };
    let unauthorized = response.status() == StatusCode::UNAUTHORIZED;
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if unauthorized {
        let basic = HeaderValue::from_static("Basic realm=\"easyorder\"");
        headers.insert(header::WWW_AUTHENTICATE, basic);
    }
    response
}

async fn grant(
    identity: &Identity,
    origin: From,
    headers: &HeaderMap,
    form: Result<Form<Fields>, FormRejection>,
) -> Result<ClientToken> {
    let Form(fields) = form.map_err(|rejection| invalid_request(rejection.body_text()))?;
    let request = TokenRequest::read(fields)?;
    match request.grant_type.as_deref() {
        Some("client_credentials") => {}
        Some(_) => {
            return Err(Error::new(
                Code::InvalidArgument,
                "unsupported-grant-type",
                "the only `grant_type` is `client_credentials`",
            ));
        }
        None => return Err(invalid_request("`grant_type` is missing")),
    }
    let scope = request.scope.clone();
    let (client, secret) = request.credentials(headers)?;
    identity
        .client_token(&client, &secret, scope.as_deref(), &origin.by_visitor())
        .await
}

impl TokenRequest {
    /// What is not known is no matter; what stands there twice is (RFC 6749, 3.2).
    fn read(fields: Fields) -> Result<Self> {
        let mut request = Self::default();
        for (name, value) in fields {
            let field = match name.as_str() {
                "grant_type" => &mut request.grant_type,
                "client_id" => &mut request.client_id,
                "client_secret" => &mut request.client_secret,
                "scope" => &mut request.scope,
                _ => continue,
            };
            if !value.is_empty() && field.replace(value).is_some() {
                return Err(invalid_request(format!("`{name}` stands there twice")));
            }
        }
        Ok(request)
    }

    /// The client's id and secret, from the header or the body but not from both.
    fn credentials(self, headers: &HeaderMap) -> Result<(String, String)> {
        match (basic(headers)?, self.client_id, self.client_secret) {
            (None, Some(id), Some(secret)) => Ok((id, secret)),
            (Some((id, secret)), None, None) => Ok((id, secret)),
            (Some((id, secret)), Some(same), None) if id == same => Ok((id, secret)),
            (Some(_), _, _) => Err(invalid_request(
                "the client proves itself in the header or in the body, not in both",
            )),
            (None, _, _) => Err(invalid_client()),
        }
    }
}

/// What HTTP Basic carries: each part is form-encoded first (RFC 6749, 2.3.1).
fn basic(headers: &HeaderMap) -> Result<Option<(String, String)>> {
    let Some(value) = headers.get(header::AUTHORIZATION) else {
        return Ok(None);
    };
    let decoded = value.to_str().ok().and_then(|value| {
        let (scheme, credentials) = value.split_once(' ')?;
        if !scheme.eq_ignore_ascii_case("basic") {
            return None;
        }
        let bytes = STANDARD.decode(credentials.trim()).ok()?;
        let text = String::from_utf8(bytes).ok()?;
        let (id, secret) = text.split_once(':')?;
        Some((form_decoded(id)?, form_decoded(secret)?))
    });
    decoded.map(Some).ok_or_else(invalid_client)
}

fn form_decoded(text: &str) -> Option<String> {
    let spaced = text.replace('+', " ");
    let decoded = percent_decode_str(&spaced).decode_utf8().ok()?;
    Some(decoded.into_owned())
}

fn invalid_request(detail: impl Into<String>) -> Error {
    Error::new(Code::InvalidArgument, "invalid-request", detail)
}

/// The same, and what a client of OAuth looks for.
fn as_oauth(error: Error) -> Error {
    match error.code() {
        Code::InvalidArgument | Code::Unauthenticated => {
            let name = json!(error.kind().replace('-', "_"));
            error.with_extension("error", name)
        }
        _ => error,
    }
}
