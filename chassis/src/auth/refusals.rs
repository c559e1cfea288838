//! How the extractors of this module refuse, for the OpenAPI document. Each says whom an operation serves also to programs,
//! in an extension (`x-...`) of a response; `docs/permissions.md` is made of these.

use std::{collections::BTreeMap, marker::PhantomData};

use utoipa::{
    IntoResponses,
    openapi::{Content, Ref, RefOr, Response, ResponseBuilder, extensions::Extensions},
};

use super::Permission;
use crate::error::PROBLEM_JSON;

/// At 401: [`SIGNED_IN`] is enough, unless another status says more.
pub const ACCESS: &str = "x-access";
/// Whoever is signed in is served.
pub const SIGNED_IN: &str = "signed-in";
/// At 401: whoever is signed in sees what is theirs; who holds this permission, everything.
pub const ALL_WITH: &str = "x-all-with";
/// At 403: only who holds this permission is served.
pub const PERMISSION: &str = "x-permission";
/// At 404: what is somebody else's exists only for who holds this permission.
pub const OWNER_OR: &str = "x-owner-or";
/// Of an operation: for a part of what it does one needs this permission, too.
pub const PERMISSION_FOR_SOME: &str = "x-permission-for-some";

type Responses = BTreeMap<String, RefOr<Response>>;

/// How [`Caller`](super::Caller) refuses: 401 who is not signed in.
pub struct NotSignedIn;

impl IntoResponses for NotSignedIn {
    fn responses() -> Responses {
        Responses::from([not_signed_in()])
    }
}

/// How [`Permitted`](super::Permitted) refuses: 401 who is not signed in, 403 who does not hold `P`.
pub struct NotPermitted<P>(PhantomData<P>);

impl<P: Permission> IntoResponses for NotPermitted<P> {
    fn responses() -> Responses {
        let description = format!("Without `{}`", P::NAME);
        let forbidden = refusal("403", description, PERMISSION, P::NAME);
        Responses::from([not_signed_in(), forbidden])
    }
}

/// How an operation refuses that serves whose a thing is, and who holds `P`: 401 who is not signed in, 404 all others.
pub struct NotOwner<P>(PhantomData<P>);

impl<P: Permission> IntoResponses for NotOwner<P> {
    fn responses() -> Responses {
        let description = format!(
            "Nothing of yours has this id; with `{}`, nothing of anybody's",
            P::NAME
        );
        let not_found = refusal("404", description, OWNER_OR, P::NAME);
        Responses::from([not_signed_in(), not_found])
    }
}

/// How a list refuses that shows everybody what is theirs, and all there is to who holds `P`: 401 who is not signed in.
pub struct SeesOwn<P>(PhantomData<P>);

impl<P: Permission> IntoResponses for SeesOwn<P> {
    fn responses() -> Responses {
        let description = "Not signed in".to_owned();
        Responses::from([refusal("401", description, ALL_WITH, P::NAME)])
    }
}

fn not_signed_in() -> (String, RefOr<Response>) {
    refusal("401", "Not signed in".to_owned(), ACCESS, SIGNED_IN)
}

/// One extension each, so that the document is the same whenever it is written.
fn refusal(
    status: &str,
    description: String,
    extension: &str,
    value: &str,
) -> (String, RefOr<Response>) {
    let body = Content::new(Some(Ref::from_schema_name("Problem")));
    let response = ResponseBuilder::new()
        .description(description)
        .content(PROBLEM_JSON, body)
        .extensions(Some(Extensions::from_iter([(extension, value)])));
    (status.to_owned(), response.into())
}
