use axum::{
    extract::{Request, State},
    middleware::Next,
    response::Response,
};
use tonic::Status;

use super::{Auth, Claims, INTERNAL_CALL};
use crate::{Error, Result, http::bearer};

/// What everybody may ask a gRPC interface: how it is, and what it offers.
const OPEN: [&str; 2] = ["/grpc.health.v1.Health/", "/grpc.reflection."];

/// Guards a gRPC interface: who calls it has a token of one of our services, or holds the permission `internal:call`. That
/// is asked before anything else, of every call but those that are named here.
#[derive(Clone)]
pub struct Guard {
    auth: Auth,
    open: &'static [&'static str],
}

impl Guard {
    #[must_use]
    pub fn new(auth: Auth) -> Self {
        Self { auth, open: &[] }
    }

    /// The same, but these calls (`/package.Service/Method`) are open to all who reach the interface.
    #[must_use]
    pub fn with_open(self, calls: &'static [&'static str]) -> Self {
        Self {
            open: calls,
            ..self
        }
    }

    fn is_open(&self, path: &str) -> bool {
        self.open.contains(&path) || OPEN.iter().any(|prefix| path.starts_with(prefix))
    }

    async fn admit(&self, token: Option<&str>) -> Result<()> {
        let token = token.ok_or_else(|| {
            Error::unauthenticated("send an access token in the metadata `authorization`")
        })?;
        let claims = self.auth.verify(token).await?;
        if self.may_call(&claims).await? {
            Ok(())
        } else {
            Err(Error::forbidden(INTERNAL_CALL))
        }
    }

    async fn may_call(&self, claims: &Claims) -> Result<bool> {
        if claims.entitles_to(INTERNAL_CALL) {
            return Ok(true);
        }
        Ok(claims.is_in_scope(INTERNAL_CALL)
            && self
                .auth
                .permissions
                .check(claims.sub, INTERNAL_CALL)
                .await?)
    }
}

/// The guard as a layer.
pub(crate) async fn guarded(State(guard): State<Guard>, request: Request, next: Next) -> Response {
    if !guard.is_open(request.uri().path())
        && let Err(error) = guard.admit(bearer(request.headers())).await
    {
        return Status::from(error).into_http();
    }
    next.run(request).await
}
