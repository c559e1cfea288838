//! The gRPC interface of the incentives: discount codes and loyalty points.

use std::sync::Arc;

use chassis::Error;
use proto::incentive::v1 as pb;
use proto::incentive::v1::incentive_service_server::{IncentiveService, IncentiveServiceServer};
use tonic::{Request, Response, Status};

use crate::application::{App, commands::ExpirePoints};

pub(super) fn server(app: Arc<App>) -> IncentiveServiceServer<impl IncentiveService> {
    IncentiveServiceServer::new(Incentives { app })
}

struct Incentives {
    app: Arc<App>,
}

#[tonic::async_trait]
impl IncentiveService for Incentives {
    async fn quote(
        &self,
        _: Request<pb::QuoteRequest>,
    ) -> Result<Response<pb::QuoteResponse>, Status> {
        Err(Status::unimplemented("there are no quotes yet"))
    }

    async fn expire_points(
        &self,
        request: Request<pb::ExpirePointsRequest>,
    ) -> Result<Response<pb::ExpirePointsResponse>, Status> {
        let limit = match request.into_inner().limit {
            ..0 => return Err(Error::invalid_field("limit", "must not be negative").into()),
            0 => None,
            limit => Some(i64::from(limit)),
        };
        let expired = self
            .app
            .commands
            .expire_points
            .handle(ExpirePoints { limit })
            .await?;
        Ok(Response::new(pb::ExpirePointsResponse {
            lots: expired.lots,
            points: expired.points,
        }))
    }
}
