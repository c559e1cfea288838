//! `identity.v1.TrustService`: what a service needs in order to be trusted, and to know whom to trust.

use std::sync::Arc;

use chassis::Error;
use chrono::DateTime;
use proto::identity::v1::{
    EndedSession, GetTrustRequest, GetTrustResponse, IssueTokenRequest, IssueTokenResponse,
    PublicKey,
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
        let (client, secret) = (&request.client_id, &request.client_secret);
        let token = match OurService::of_name(client) {
            Some(service) => self
                .identity
                .service_token(service, secret)?
                .ok_or_else(invalid_client)?,
            None => {
                let actor = origin(&request).visitor();
                self.identity
                    .client_token(client, secret, None, &actor)
                    .await?
            }
        };
        Ok(Response::new(IssueTokenResponse {
            access_token: token.access,
            expires_in_seconds: token.expires_in,
        }))
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
fn origin(request: &IssueTokenRequest) -> Origin {
    let agent = Some(request.user_agent.as_str()).filter(|agent| !agent.is_empty());
    match request.address.parse() {
        Ok(address) => Origin::new(address, agent),
        Err(_) => Origin::default(),
    }
}
