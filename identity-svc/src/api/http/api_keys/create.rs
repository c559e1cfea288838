use std::{collections::BTreeSet, sync::Arc};

use axum::{Json, extract::State};
use chassis::{Problem, Result, http::Json as Body};
use chrono::{DateTime, Utc};
use http::{HeaderName, StatusCode, header};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{
    api::http::{
        actor::From,
        check::Check,
        person::{NotAPerson, Person},
    },
    domain::{KeyName, NewApiKey, Permission, Scope},
    service::Identity,
};

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ApiKeyWanted {
    #[schema(min_length = 1, max_length = 100, example = "till 3")]
    name: String,
    /// Permissions. Of what you may do, the key permits no more; with none it may do what everybody who is signed in may.
    #[schema(example = json!(["orders:manage"]))]
    scopes: Vec<String>,
    /// At most 366 days ahead.
    expires_at: DateTime<Utc>,
}

/// A new key.
#[derive(Serialize, ToSchema)]
pub struct ApiKeyMade {
    id: Uuid,
    #[schema(example = "till 3")]
    name: String,
    #[schema(example = json!(["orders:manage"]))]
    scopes: Vec<String>,
    expires_at: DateTime<Utc>,
    /// Nobody can see it again. For `Authorization: Bearer`, in place of an access token.
    key: String,
}

/// Make an API key.
///
/// The key is shown once, so a request that is sent twice makes two: delete the one whose answer was lost. You have 50 at
/// most.
#[utoipa::path(
    post,
    path = "/v1/me/api-keys",
    tag = "api-keys",
    security(("bearer" = [])),
    request_body = ApiKeyWanted,
    responses(
        (status = 201, description = "The key", body = ApiKeyMade),
        NotAPerson,
        (status = 409, description = "`too-many-api-keys`", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "A field is not acceptable", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn create_api_key(
    Person(caller): Person,
    State(identity): State<Arc<Identity>>,
    origin: From,
    Body(body): Body<ApiKeyWanted>,
) -> Result<(
    StatusCode,
    [(HeaderName, &'static str); 1],
    Json<ApiKeyMade>,
)> {
    let mut check = Check::default();
    let name = check.field("name", KeyName::parse(&body.name));
    let scopes = check.each("scopes", &body.scopes, Permission::parse);
    let expiry = NewApiKey::expiry(body.expires_at, Utc::now());
    let expires_at = check.field("expires_at", expiry);
    let (name, expires_at) = check.done(name.zip(expires_at))?;
    let new = NewApiKey {
        name,
        scope: Scope::new(BTreeSet::from_iter(scopes)),
        expires_at,
    };
    let (key, text) = identity
        .add_api_key(&origin.by(&caller), caller.id, &new)
        .await?;
    let made = ApiKeyMade {
        id: key.id,
        name: key.name,
        scopes: key.scopes,
        expires_at: key.expires_at,
        key: text,
    };
    let no_store = [(header::CACHE_CONTROL, "no-store")];
    Ok((StatusCode::CREATED, no_store, Json(made)))
}
