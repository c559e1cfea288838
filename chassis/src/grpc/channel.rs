use std::{
    mem,
    sync::Arc,
    task::{Context, Poll},
};

use futures::future::BoxFuture;
use http::{HeaderValue, Request, Response, header::AUTHORIZATION};
use tonic::{Status, body::Body, transport};
use tower::{BoxError, Service};

use super::connect;
use crate::{Error, auth::service_token::ServiceToken};

/// A connection to a service, whose calls carry the token of who makes them.
#[derive(Clone)]
pub struct Channel {
    inner: transport::Channel,
    credentials: Credentials,
}

#[derive(Clone)]
enum Credentials {
    Service(Arc<ServiceToken>),
    Token(HeaderValue),
    None,
}

impl Channel {
    pub(super) fn of_service(inner: transport::Channel, token: Arc<ServiceToken>) -> Self {
        Self {
            inner,
            credentials: Credentials::Service(token),
        }
    }

    /// A connection to the service at `url`, whose calls carry this access token.
    ///
    /// # Errors
    /// When `url` or the token is malformed.
    pub fn with_token(url: &str, token: &str) -> anyhow::Result<Self> {
        let mut header = HeaderValue::try_from(format!("Bearer {token}"))?;
        header.set_sensitive(true);
        Ok(Self {
            inner: connect(url, None)?,
            credentials: Credentials::Token(header),
        })
    }

    /// A connection to the service at `url`, whose calls carry no token.
    ///
    /// # Errors
    /// When `url` is malformed.
    pub fn without_token(url: &str) -> anyhow::Result<Self> {
        Ok(Self {
            inner: connect(url, None)?,
            credentials: Credentials::None,
        })
    }
}

/// Whether the call was refused for its token, before anybody looked at it.
fn is_refused(response: &Response<Body>) -> bool {
    Status::from_header_map(response.headers())
        .is_some_and(|status| status.code() == tonic::Code::Unauthenticated)
}

impl Service<Request<Body>> for Channel {
    type Response = Response<Body>;
    type Error = BoxError;
    type Future = BoxFuture<'static, Result<Response<Body>, BoxError>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        // The one that is ready is taken along.
        let clone = self.inner.clone();
        let mut inner = mem::replace(&mut self.inner, clone);
        let credentials = self.credentials.clone();
        Box::pin(async move {
            let service = match credentials {
                Credentials::None => None,
                Credentials::Token(header) => {
                    request.headers_mut().insert(AUTHORIZATION, header);
                    None
                }
                Credentials::Service(token) => {
                    let header = token.authorization().await;
                    let header = header.map_err(|error| Status::from(Error::unavailable(error)))?;
                    request.headers_mut().insert(AUTHORIZATION, header);
                    Some(token)
                }
            };
            let response = inner.call(request).await?;
            match service {
                Some(token) if is_refused(&response) => {
                    // identity-svc has other keys than before, perhaps: the next call goes with a new token. It is no
                    // matter of whoever waits for this one.
                    token.forget();
                    let refused = anyhow::anyhow!("the service token was refused");
                    Err(Status::from(Error::unavailable(refused)).into())
                }
                _ => Ok(response),
            }
        })
    }
}
