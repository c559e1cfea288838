use std::collections::BTreeMap;

use axum::extract::{FromRef, FromRequestParts};
use chassis::{
    Code, Error, Result,
    auth::{Auth, Caller, Claims, NotSignedIn},
    error::PROBLEM_JSON,
};
use http::request::Parts;
use utoipa::{
    IntoResponses,
    openapi::{Content, Ref, RefOr, Response, ResponseBuilder},
};

use crate::service::CLIENT_ID;

/// A person who has signed in and sent the request; as an extractor it refuses programs, which act by API keys or as service
/// accounts, with 403.
pub struct Person(pub Caller);

impl<S> FromRequestParts<S> for Person
where
    S: Send + Sync,
    Auth: FromRef<S>,
{
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self> {
        let caller = Caller::from_request_parts(parts, state).await?;
        if is_session(&caller.claims) {
            Ok(Self(caller))
        } else {
            Err(session_required())
        }
    }
}

/// How [`Person`] refuses, for the OpenAPI document: 401 who is not signed in, 403 a program.
pub struct NotAPerson;

impl IntoResponses for NotAPerson {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        let forbidden = ResponseBuilder::new()
            .description(
                "`session-required`: only a person may do this, with the access token of a sign-in",
            )
            .content(
                PROBLEM_JSON,
                Content::new(Some(Ref::from_schema_name("Problem"))),
            )
            .build();
        let mut responses = NotSignedIn::responses();
        responses.insert("403".to_owned(), RefOr::T(forbidden));
        responses
    }
}

/// Whether the token comes from a session, and is not narrowed.
fn is_session(claims: &Claims) -> bool {
    claims.client_id == CLIENT_ID && claims.sid.is_some() && claims.scope.is_none()
}

/// This is not for programs.
pub fn session_required() -> Error {
    Error::new(
        Code::PermissionDenied,
        "session-required",
        "only a person may do this, with the access token of a sign-in",
    )
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn a_program_is_no_person() {
        let of = |client: &str, sid: Option<Uuid>, scope: Option<&str>| Claims {
            sid,
            scope: scope.map(str::to_owned),
            ..Claims::new(Uuid::nil(), client, 0, 900)
        };
        let sid = Some(Uuid::now_v7());
        assert!(is_session(&of(CLIENT_ID, sid, None)));
        let key = Uuid::now_v7().to_string();
        for (what, claims) in [
            ("an API key", of(&key, sid, Some(""))),
            ("a service account", of(&key, sid, None)),
            ("a service", of(CLIENT_ID, None, None)),
            ("narrowed", of(CLIENT_ID, sid, Some("orders:manage"))),
        ] {
            assert!(!is_session(&claims), "{what}");
        }
    }
}
