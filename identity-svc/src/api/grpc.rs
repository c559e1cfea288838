//! `identity.v1` for the other services.

use std::sync::Arc;

use chassis::{Error, auth::Permissions as _};
use proto::{
    events::identity::MailKind,
    identity::v1::{
        CheckPermissionRequest, CheckPermissionResponse, GetUserRequest, GetUserResponse,
        PrepareMailRequest, PrepareMailResponse, RotateKeysRequest, RotateKeysResponse,
        identity_service_server::{IdentityService, IdentityServiceServer},
    },
};
use tonic::{Request, Response, Status, service::Routes};
use uuid::Uuid;

use super::trust_grpc;
use crate::{domain::Actor, service::Identity};

/// Nobody waits longer for a new key, in seconds: a century.
const OLDEST_KEY: i64 = 100 * 365 * 24 * 60 * 60;

/// The service's gRPC routes.
pub fn routes(identity: Arc<Identity>) -> Routes {
    let trust = trust_grpc::server(identity.clone());
    Routes::new(IdentityServiceServer::new(Api { identity })).add_service(trust)
}

struct Api {
    identity: Arc<Identity>,
}

#[tonic::async_trait]
impl IdentityService for Api {
    async fn check_permission(
        &self,
        request: Request<CheckPermissionRequest>,
    ) -> Result<Response<CheckPermissionResponse>, Status> {
        let request = request.into_inner();
        let user = user_id(&request.user_id)?;
        let allowed = self.identity.check(user, &request.permission).await?;
        Ok(Response::new(CheckPermissionResponse { allowed }))
    }

    async fn get_user(
        &self,
        request: Request<GetUserRequest>,
    ) -> Result<Response<GetUserResponse>, Status> {
        let user = self
            .identity
            .user(user_id(&request.into_inner().user_id)?)
            .await?;
        Ok(Response::new(GetUserResponse {
            id: user.id.to_string(),
            email: user.email,
            name: user.name,
            roles: user.roles,
            permissions: user.permissions,
        }))
    }

    async fn prepare_mail(
        &self,
        request: Request<PrepareMailRequest>,
    ) -> Result<Response<PrepareMailResponse>, Status> {
        let request = request.into_inner();
        let kind = MailKind::parse(&request.kind)
            .ok_or_else(|| Error::invalid_field("kind", "there is no such mail"))?;
        let mail = self
            .identity
            .prepare_mail(user_id(&request.user_id)?, kind)
            .await?;
        let (token, lifetime) = mail.token.unzip();
        let minutes = lifetime.map_or(0, |lifetime| lifetime.as_secs() / 60);
        Ok(Response::new(PrepareMailResponse {
            email: mail.email,
            name: mail.name,
            token: token.map_or_else(String::new, |token| token.encode()),
            token_minutes: i32::try_from(minutes).map_err(Error::internal)?,
            obsolete: mail.obsolete,
        }))
    }

    async fn rotate_keys(
        &self,
        request: Request<RotateKeysRequest>,
    ) -> Result<Response<RotateKeysResponse>, Status> {
        let age = request.into_inner().if_older_than_seconds;
        if !(0..=OLDEST_KEY).contains(&age) {
            let range = format!("must be from 0 to {OLDEST_KEY}");
            return Err(Error::invalid_field("if_older_than_seconds", range).into());
        }
        let rotated = self.identity.rotate_keys(age, &Actor::system()).await?;
        Ok(Response::new(RotateKeysResponse {
            kid: rotated.kid,
            rotated: rotated.is_new,
        }))
    }
}

fn user_id(text: &str) -> Result<Uuid, Error> {
    text.parse()
        .map_err(|_| Error::invalid_field("user_id", "is not a UUID"))
}
