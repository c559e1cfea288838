//! The way of a request through the gateway: found in the table, checked, passed on.

use std::sync::Arc;

use axum::{
    Router,
    extract::{RawPathParams, Request, State, rejection::RawPathParamsRejection},
    response::Response,
    routing::on,
};
use chassis::{
    Error, Result,
    auth::{ApiKey, Auth},
    http::bearer,
};

use crate::{
    api_keys::ApiKeys,
    proxy::Proxy,
    routes::{Access, ROUTES, Route},
};

/// What every request needs.
pub(crate) struct Gate {
    pub(crate) auth: Auth,
    pub(crate) api_keys: ApiKeys,
    pub(crate) proxy: Arc<Proxy>,
}

/// The table as a router.
pub(crate) fn router(gate: Arc<Gate>) -> Router {
    ROUTES
        .iter()
        .filter_map(|route| Some((route, route.filter()?)))
        .fold(Router::new(), |router, (route, methods)| {
            let handler = move |State(gate): State<Arc<Gate>>, params, request| async move {
                gate.pass(route, params, request).await
            };
            router.route(route.path, on(methods, handler))
        })
        .with_state(gate)
}

impl Gate {
    async fn pass(
        &self,
        route: &Route,
        params: std::result::Result<RawPathParams, RawPathParamsRejection>,
        mut request: Request,
    ) -> Result<Response> {
        check_path(params).map_err(Error::bad_request)?;
        match (route.access, bearer(request.headers())) {
            (Access::SigningIn, _) | (Access::Anyone, None) => {}
            (Access::Anyone | Access::SignedIn, Some(key)) if key.starts_with(ApiKey::PREFIX) => {
                let key = key.to_owned();
                let client = self.proxy.client(&request);
                let headers = request.headers_mut();
                self.api_keys
                    .exchange(headers, &key, client, &self.auth)
                    .await?;
            }
            (Access::Anyone | Access::SignedIn, Some(token)) => {
                self.auth.verify(token).await?;
            }
            (Access::SignedIn, None) => {
                return Err(Error::unauthenticated(
                    "sign in, and send `Authorization: Bearer <access token>`",
                ));
            }
        }
        self.proxy
            .forward(route.upstream, route.body_limit, request)
            .await
    }
}

/// Refuses a path that a service could read as another one than the gateway has matched.
fn check_path(
    params: std::result::Result<RawPathParams, RawPathParamsRejection>,
) -> std::result::Result<(), &'static str> {
    let params = params.map_err(|_| "the path is not UTF-8")?;
    let climbs = |value: &str| {
        value
            .split('/')
            .any(|segment| matches!(segment, "." | ".."))
    };
    if params.iter().any(|(_, value)| climbs(value)) {
        return Err("the path has a segment `.` or `..`");
    }
    Ok(())
}
