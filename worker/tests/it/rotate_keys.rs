//! identity-svc is asked for a new key when the newest is older than so many days, and never if that is not wanted.

use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};

use chassis::grpc::Channel;
use chrono::Utc;
use proto::identity::v1::{
    CheckPermissionRequest, CheckPermissionResponse, GetUserRequest, GetUserResponse,
    PrepareMailRequest, PrepareMailResponse, RotateKeysRequest, RotateKeysResponse,
    identity_service_client::IdentityServiceClient,
    identity_service_server::{IdentityService, IdentityServiceServer},
};
use tonic::{Request, Response, Status, service::Routes};
use worker::{
    jobs::RotateKeys,
    queue::{Job, Tick},
};

use crate::support::serve_grpc;

/// What was asked for last. Below zero it is out of order.
#[derive(Clone, Default)]
struct Identity(Arc<AtomicI64>);

#[tonic::async_trait]
impl IdentityService for Identity {
    async fn rotate_keys(
        &self,
        request: Request<RotateKeysRequest>,
    ) -> Result<Response<RotateKeysResponse>, Status> {
        if self.0.load(Ordering::SeqCst) < 0 {
            return Err(Status::unavailable("out of order"));
        }
        let age = request.into_inner().if_older_than_seconds;
        self.0.store(age, Ordering::SeqCst);
        Ok(Response::new(RotateKeysResponse {
            kid: "newest".to_owned(),
            rotated: true,
        }))
    }

    async fn check_permission(
        &self,
        _: Request<CheckPermissionRequest>,
    ) -> Result<Response<CheckPermissionResponse>, Status> {
        Err(Status::unimplemented(""))
    }

    async fn get_user(
        &self,
        _: Request<GetUserRequest>,
    ) -> Result<Response<GetUserResponse>, Status> {
        Err(Status::unimplemented(""))
    }

    async fn prepare_mail(
        &self,
        _: Request<PrepareMailRequest>,
    ) -> Result<Response<PrepareMailResponse>, Status> {
        Err(Status::unimplemented(""))
    }
}

#[tokio::test]
async fn the_job_asks_for_a_key_of_the_configured_age_and_fails_with_the_service() {
    let identity = Identity::default();
    let url = serve_grpc(Routes::new(IdentityServiceServer::new(identity.clone()))).await;
    let run = async |after_days| {
        let job = RotateKeys {
            identity: IdentityServiceClient::new(Channel::without_token(&url).unwrap()),
            after_days,
        };
        job.run(Tick { at: Utc::now() }).await
    };
    run(0).await.unwrap();
    assert_eq!(identity.0.load(Ordering::SeqCst), 0, "nobody asked");
    run(30).await.unwrap();
    assert_eq!(identity.0.load(Ordering::SeqCst), 30 * 86_400);

    identity.0.store(-1, Ordering::SeqCst);
    let error = run(30).await.unwrap_err();
    assert!(error.to_string().contains("identity-svc"), "{error}");
}
