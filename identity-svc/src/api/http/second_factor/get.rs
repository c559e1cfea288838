use std::sync::Arc;

use axum::{Json, extract::State};
use chassis::Result;
use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;

use crate::api::http::person::{NotAPerson, Person};
use crate::service::{self, Identity};

/// Whether a second factor guards the account.
#[derive(Serialize, ToSchema)]
pub struct SecondFactor {
    enabled: bool,
    /// Since when it does.
    confirmed_at: Option<DateTime<Utc>>,
    /// How many are still good.
    #[schema(example = 10)]
    recovery_codes_left: i64,
}

impl From<Option<service::SecondFactor>> for SecondFactor {
    fn from(factor: Option<service::SecondFactor>) -> Self {
        let confirmed_at = factor.as_ref().and_then(|factor| factor.confirmed_at);
        Self {
            enabled: confirmed_at.is_some(),
            confirmed_at,
            recovery_codes_left: factor.map_or(0, |factor| factor.recovery_codes),
        }
    }
}

/// Your second factor.
#[utoipa::path(
    get,
    path = "/v1/me/second-factor",
    tag = "second factor",
    security(("bearer" = [])),
    responses(
        (status = 200, description = "Whether there is one", body = SecondFactor),
        NotAPerson,
    )
)]
pub async fn get_second_factor(
    Person(caller): Person,
    State(identity): State<Arc<Identity>>,
) -> Result<Json<SecondFactor>> {
    Ok(Json(identity.second_factor(caller.id).await?.into()))
}
