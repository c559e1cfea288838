//! The REST interface.

mod actor;
mod api_keys;
mod auth;
mod check;
mod jwks;
mod manager;
mod me;
mod person;
mod roles;
mod service_accounts;
mod users;

use std::sync::Arc;

use axum::extract::FromRef;
use chassis::{auth::Auth, client_address::TrustedProxies, http::BearerToken};
use utoipa::{OpenApi as _, openapi::OpenApi};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::service::Identity;

#[derive(Clone, FromRef)]
struct Context {
    identity: Arc<Identity>,
    auth: Auth,
    proxies: TrustedProxies,
}

#[derive(utoipa::OpenApi)]
#[openapi(
    info(
        title = "EasyOrder: identity-svc",
        description = "People, how they sign in, their roles, and what those permit."
    ),
    tags(
        (name = "auth", description = "Registering, signing in and out"),
        (name = "users", description = "People and the roles they hold"),
        (name = "roles", description = "Roles and what they permit"),
        (name = "service-accounts", description = "Programs of the shop's owner, which sign in by themselves"),
        (name = "api-keys", description = "Keys by which programs act for a person"),
    ),
    modifiers(&BearerToken)
)]
struct Document;

/// Every operation there is.
fn operations() -> OpenApiRouter<Context> {
    OpenApiRouter::with_openapi(Document::openapi())
        .routes(routes!(auth::register::register))
        .routes(routes!(auth::login::login))
        .routes(routes!(auth::refresh::refresh))
        .routes(routes!(auth::logout::logout))
        .routes(routes!(auth::token::token))
        .routes(routes!(jwks::jwks))
        .routes(routes!(me::me))
        .routes(routes!(users::list::list_users))
        .routes(routes!(users::get::get_user))
        .routes(routes!(users::set_roles::set_user_roles))
        .routes(routes!(roles::list::list_roles, roles::create::create_role))
        .routes(routes!(
            roles::replace::replace_role,
            roles::delete::delete_role
        ))
        .routes(routes!(
            service_accounts::list::list_service_accounts,
            service_accounts::create::create_service_account
        ))
        .routes(routes!(
            service_accounts::get::get_service_account,
            service_accounts::delete::delete_service_account
        ))
        .routes(routes!(service_accounts::set_roles::set_account_roles))
        .routes(routes!(service_accounts::add_secret::add_account_secret))
        .routes(routes!(
            service_accounts::delete_secret::delete_account_secret
        ))
        .routes(routes!(
            api_keys::list::list_api_keys,
            api_keys::create::create_api_key
        ))
        .routes(routes!(api_keys::delete::delete_api_key))
        .routes(routes!(api_keys::list_of_user::list_api_keys_of_user))
        .routes(routes!(api_keys::delete_of_user::delete_api_key_of_user))
}

/// The routes and their description.
pub fn router(
    identity: Arc<Identity>,
    auth: Auth,
    proxies: TrustedProxies,
) -> (axum::Router, OpenApi) {
    let context = Context {
        identity,
        auth,
        proxies,
    };
    operations().with_state(context).split_for_parts()
}

/// The description of the REST interface.
#[must_use]
pub fn openapi() -> OpenApi {
    operations().into_openapi()
}
