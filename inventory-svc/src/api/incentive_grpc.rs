//! The gRPC interface of the incentives: discount codes and loyalty points.

use std::sync::Arc;

use chassis::Error;
use proto::incentive::v1 as pb;
use proto::incentive::v1::incentive_service_server::{IncentiveService, IncentiveServiceServer};
use tonic::{Request, Response, Status};

use super::grpc::{allotment, basket, priced};
use crate::{
    application::{App, commands::ExpirePoints, queries::QuoteBasket},
    domain::Quote,
};

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
        request: Request<pb::QuoteRequest>,
    ) -> Result<Response<pb::QuoteResponse>, Status> {
        let request = request.into_inner();
        let basket = basket(
            &request.customer_id,
            request.lines,
            request.incentive,
            request.context,
        )?;
        let Quote {
            currency,
            lines,
            code,
            points,
            point_value,
            earns,
            allotments,
        } = self
            .app
            .queries
            .quote_basket
            .handle(QuoteBasket { basket })
            .await?;
        let (discount_code, discount_code_refused) = match code {
            None => (String::new(), None),
            Some(Ok(code)) => (code.to_string(), None),
            Some(Err(refused)) => (String::new(), Some(refusal(refused.kind(), &refused))),
        };
        let (points, points_refused) = match points {
            None => (0, None),
            Some(Ok(points)) => (points, None),
            Some(Err(refused)) => (0, Some(refusal(refused.kind(), &refused))),
        };
        Ok(Response::new(pb::QuoteResponse {
            currency: currency.code().to_owned(),
            lines: lines.into_iter().map(priced).collect(),
            points,
            point_value,
            discount_code,
            discount_code_refused,
            points_refused,
            earns,
            allotments: allotments.into_iter().map(allotment).collect(),
        }))
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

fn refusal(kind: &str, detail: &impl ToString) -> pb::Refusal {
    pb::Refusal {
        kind: kind.to_owned(),
        detail: detail.to_string(),
    }
}
