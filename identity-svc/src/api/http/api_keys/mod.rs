//! Keys by which programs act for a person.

pub mod create;
pub mod delete;
pub mod delete_of_user;
pub mod list;
pub mod list_of_user;

use std::{convert::From, sync::Arc};

use axum::Json;
use chassis::{
    Result,
    http::{List, Page},
};
use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{domain, service::Identity};

/// A key by which a program acts for a person.
#[derive(Serialize, ToSchema)]
pub struct ApiKey {
    id: Uuid,
    #[schema(example = "till 3")]
    name: String,
    /// Of what the owner may do, the key permits no more.
    #[schema(example = json!(["orders:manage"]))]
    scopes: Vec<String>,
    created_at: DateTime<Utc>,
    expires_at: DateTime<Utc>,
    /// When it last got an access token, to the minute; that lives for 15 minutes at most.
    last_used_at: Option<DateTime<Utc>>,
}

impl From<domain::ApiKey> for ApiKey {
    fn from(key: domain::ApiKey) -> Self {
        Self {
            id: key.id,
            name: key.name,
            scopes: key.scopes,
            created_at: key.created_at,
            expires_at: key.expires_at,
            last_used_at: key.last_used_at,
        }
    }
}

/// A page of a user's keys.
async fn page_of(identity: &Arc<Identity>, user: Uuid, page: &Page) -> Result<Json<List<ApiKey>>> {
    let limit = page.limit()?;
    let keys = identity.api_keys(user, page.after()?, limit + 1).await?;
    let list = List::page(keys, limit, |key| key.id)?;
    Ok(Json(list.map(ApiKey::from)))
}
