//! Points that are past their day are booked until none is left.

use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};

use chassis::grpc::Channel;
use chrono::Utc;
use proto::incentive::v1::{
    ExpirePointsRequest, ExpirePointsResponse, QuoteRequest, QuoteResponse,
    incentive_service_client::IncentiveServiceClient,
    incentive_service_server::{IncentiveService, IncentiveServiceServer},
};
use tonic::{Request, Response, Status, service::Routes};
use worker::{
    jobs::ExpirePoints,
    queue::{Job, Tick},
};

use crate::support::serve_grpc;

/// So many lots are past their day; a call takes two of them. Below zero it is out of order.
#[derive(Clone, Default)]
struct Incentives(Arc<AtomicI64>);

#[tonic::async_trait]
impl IncentiveService for Incentives {
    async fn expire_points(
        &self,
        _: Request<ExpirePointsRequest>,
    ) -> Result<Response<ExpirePointsResponse>, Status> {
        let left = self.0.load(Ordering::SeqCst);
        if left < 0 {
            return Err(Status::unavailable("out of order"));
        }
        let lots = left.min(2);
        self.0.fetch_sub(lots, Ordering::SeqCst);
        Ok(Response::new(ExpirePointsResponse {
            lots,
            points: 10 * lots,
        }))
    }

    async fn quote(&self, _: Request<QuoteRequest>) -> Result<Response<QuoteResponse>, Status> {
        Err(Status::unimplemented(""))
    }
}

#[tokio::test]
async fn the_job_goes_on_until_no_lot_is_left_and_fails_with_the_service() {
    let incentives = Incentives::default();
    let url = serve_grpc(Routes::new(IncentiveServiceServer::new(incentives.clone()))).await;
    let job = ExpirePoints {
        incentives: IncentiveServiceClient::new(Channel::without_token(&url).unwrap()),
    };
    let run = || job.run(Tick { at: Utc::now() });

    incentives.0.store(5, Ordering::SeqCst);
    run().await.unwrap();
    assert_eq!(incentives.0.load(Ordering::SeqCst), 0);

    incentives.0.store(-1, Ordering::SeqCst);
    let error = run().await.unwrap_err();
    assert!(error.to_string().contains("inventory-svc"), "{error}");
}
