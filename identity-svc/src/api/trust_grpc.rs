//! `identity.v1.TrustService`: what a service needs in order to be trusted, and to know whom to trust.

use std::sync::Arc;

use chassis::{Code, Error};
use chrono::DateTime;
use proto::identity::v1::{
    EndedSession, ExchangeApiKeyRequest, ExchangeApiKeyResponse, GetTrustRequest, GetTrustResponse,
    IssueTokenRequest, IssueTokenResponse, PublicKey,
    trust_service_server::{TrustService, TrustServiceServer},
};
use tonic::{Request, Response, Status};

use crate::{
    domain::{Origin, OurService},
    service::{Identity, invalid_client},
};

/// Calls that need no token: by them one gets it, and learns how to verify it.
pub const OPEN: &[&str] = &[
    "/identity.v1.TrustService/IssueToken",
    "/identity.v1.TrustService/GetTrust",
];

pub fn server(identity: Arc<Identity>) -> TrustServiceServer<impl TrustService> {
    TrustServiceServer::new(Trust { identity })
}

struct Trust {
    identity: Arc<Identity>,
}

#[tonic::async_trait]
impl TrustService for Trust {
    async fn issue_token(
        &self,
        request: Request<IssueTokenRequest>,
    ) -> Result<Response<IssueTokenResponse>, Status> {
        let request = request.into_inner();
        let service = OurService::of_name(&request.client_id).ok_or_else(invalid_client)?;
        let token = self
            .identity
            .service_token(service, &request.client_secret)?
            .ok_or_else(invalid_client)?;
        Ok(Response::new(IssueTokenResponse {
            access_token: token.access,
            expires_in_seconds: token.expires_in,
        }))
    }

    async fn exchange_api_key(
        &self,
        request: Request<ExchangeApiKeyRequest>,
    ) -> Result<Response<ExchangeApiKeyResponse>, Status> {
        let request = request.into_inner();
        let actor = origin(&request).visitor();
        let (key, secret) = (&request.key_id, &request.key_secret);
        match self.identity.client_token(key, secret, None, &actor).await {
            Ok(token) => Ok(Response::new(ExchangeApiKeyResponse {
                access_token: token.access,
                expires_in_seconds: token.expires_in,
            })),
            // UNAUTHENTICATED would say that the caller's own token is not valid.
            Err(error) if error.code() == Code::Unauthenticated => {
                Ok(Response::new(ExchangeApiKeyResponse::default()))
            }
            Err(error) => Err(error.into()),
        }
    }

    async fn get_trust(
        &self,
        request: Request<GetTrustRequest>,
    ) -> Result<Response<GetTrustResponse>, Status> {
        let after = DateTime::from_timestamp_millis(request.into_inner().ended_after_ms)
            .ok_or_else(|| Error::invalid_field("ended_after_ms", "is no time"))?;
        let trust = self.identity.trust(after).await?;
        Ok(Response::new(GetTrustResponse {
            keys: trust
                .keys
                .iter()
                .map(|key| PublicKey {
                    kid: key.kid.clone(),
                    ed25519: key.bytes().to_vec(),
                })
                .collect(),
            ended: trust
                .ended
                .iter()
                .map(|session| EndedSession {
                    id: session.id.into_bytes().to_vec(),
                    ended_at_ms: session.ended_at.timestamp_millis(),
                })
                .collect(),
            as_of_ms: trust.as_of.timestamp_millis(),
            access_token_seconds: trust.access_token_seconds,
        }))
    }
}

/// Where the client is, as the caller says.
fn origin(request: &ExchangeApiKeyRequest) -> Origin {
    let agent = Some(request.user_agent.as_str()).filter(|agent| !agent.is_empty());
    match request.address.parse() {
        Ok(address) => Origin::new(address, agent),
        Err(_) => Origin::default(),
    }
}
