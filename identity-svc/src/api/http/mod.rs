//! The REST interface.

mod account;
mod actor;
mod api_keys;
mod audit;
mod auth;
mod check;
mod jwks;
mod me;
mod person;
mod policy;
mod roles;
mod second_factor;
mod service_accounts;
mod sessions;
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
        (name = "sessions", description = "Where somebody is signed in"),
        (name = "second factor", description = "What guards an account beside its password"),
        (name = "users", description = "People and the roles they hold"),
        (name = "roles", description = "Roles and what they permit"),
        (name = "audit", description = "Who did what"),
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
        .routes(routes!(auth::verify_email::verify_email))
        .routes(routes!(
            auth::request_password_reset::request_password_reset
        ))
        .routes(routes!(
            auth::confirm_password_reset::confirm_password_reset
        ))
        .routes(routes!(auth::token::token))
        .routes(routes!(jwks::jwks))
        .routes(routes!(me::me))
        .routes(routes!(
            sessions::list_own::list_own_sessions,
            sessions::end_own::end_own_sessions
        ))
        .routes(routes!(sessions::end_one::end_session))
        .routes(routes!(me::change_password::change_password))
        .routes(routes!(me::request_verification::request_verification))
        .routes(routes!(
            second_factor::get::get_second_factor,
            second_factor::begin::begin_second_factor
        ))
        .routes(routes!(second_factor::confirm::confirm_second_factor))
        .routes(routes!(
            second_factor::renew_recovery_codes::renew_recovery_codes
        ))
        .routes(routes!(second_factor::disable::disable_second_factor))
        .routes(routes!(second_factor::remove::remove_second_factor))
        .routes(routes!(users::list::list_users))
        .routes(routes!(users::get::get_user))
        .routes(routes!(users::set_roles::set_user_roles))
        .routes(routes!(users::disable::disable_user))
        .routes(routes!(users::enable::enable_user))
        .routes(routes!(
            sessions::list_of_user::list_user_sessions,
            sessions::end_of_user::end_user_sessions
        ))
        .routes(routes!(roles::list::list_roles, roles::create::create_role))
        .routes(routes!(
            roles::replace::replace_role,
            roles::delete::delete_role
        ))
        .routes(routes!(audit::list_audit_log))
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
    let (routes, document) = operations().with_state(context).split_for_parts();
    (routes.merge(account::routes()), document)
}

/// The description of the REST interface.
#[must_use]
pub fn openapi() -> OpenApi {
    operations().into_openapi()
}
