use std::sync::Arc;

use axum::extract::State;
use chassis::Result;
use http::StatusCode;

use crate::api::http::person::{NotAPerson, Person};
use crate::service::Identity;

/// Ask for the mail that verifies your address once more.
///
/// At most one a minute is sent, and none once the address is verified.
#[utoipa::path(
    post,
    path = "/v1/me/email-verification",
    operation_id = "request_email_verification",
    tag = "users",
    security(("bearer" = [])),
    responses(
        (status = 202, description = "There will be a mail, if one is needed"),
        NotAPerson,
    )
)]
pub async fn request_verification(
    Person(caller): Person,
    State(identity): State<Arc<Identity>>,
) -> Result<StatusCode> {
    identity.request_verification(caller.id).await?;
    Ok(StatusCode::ACCEPTED)
}
