use std::sync::Arc;

use axum::{Json, extract::State};
use chassis::{Problem, Result, http::Path};
use http::{HeaderName, StatusCode, header};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{
    api::http::{
        actor::From,
        policy::{Manager, NotManager},
    },
    domain::account_secret,
    service::Identity,
};

/// A further secret of an account.
#[derive(Serialize, ToSchema)]
pub struct AccountSecretMade {
    id: Uuid,
    client_id: Uuid,
    /// Nobody can see it again.
    client_secret: String,
}

/// Add a secret to a service account.
///
/// An account has two at most: give the program the new one, then delete the old one, and nothing stands still meanwhile.
#[utoipa::path(
    post,
    path = "/v1/service-accounts/{id}/secrets",
    tag = "service-accounts",
    security(("bearer" = [])),
    params(("id" = Uuid, Path, description = "The account's id")),
    responses(
        (status = 201, description = "The secret", body = AccountSecretMade),
        NotManager,
        (status = 404, description = "No such account", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "`too-many-secrets`", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn add_account_secret(
    Manager { caller, .. }: Manager,
    State(identity): State<Arc<Identity>>,
    Path(id): Path<Uuid>,
    origin: From,
) -> Result<(
    StatusCode,
    [(HeaderName, &'static str); 1],
    Json<AccountSecretMade>,
)> {
    let (added, secret) = identity.add_account_secret(&origin.by(&caller), id).await?;
    let made = AccountSecretMade {
        id: added.id,
        client_id: id,
        client_secret: account_secret(&secret),
    };
    let no_store = [(header::CACHE_CONTROL, "no-store")];
    Ok((StatusCode::CREATED, no_store, Json(made)))
}
