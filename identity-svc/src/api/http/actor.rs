use axum::extract::{FromRef, FromRequestParts};
use chassis::{
    Error, Result,
    auth::Caller,
    client_address::{ClientAddress, TrustedProxies},
};
use http::{header, request::Parts};

use crate::domain::{Actor, Origin};

/// Where the request comes from, as an extractor.
pub struct From(pub Origin);

impl<S> FromRequestParts<S> for From
where
    S: Send + Sync,
    TrustedProxies: FromRef<S>,
{
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self> {
        let ClientAddress(address) = ClientAddress::from_request_parts(parts, state).await?;
        let agent = parts.headers.get(header::USER_AGENT);
        let agent = agent.and_then(|agent| agent.to_str().ok());
        Ok(Self(Origin::new(address, agent)))
    }
}

impl From {
    /// Whoever signed in and sent the request.
    pub fn by(self, caller: &Caller) -> Actor {
        Actor {
            id: Some(caller.id),
            client_id: Some(caller.claims.client_id.clone()),
            origin: self.0,
        }
    }

    /// Somebody who has not signed in.
    pub fn by_visitor(self) -> Actor {
        self.0.visitor()
    }
}
