//! The gRPC interface: how order-svc holds stock.

use std::{sync::Arc, time::Duration};

use chassis::{Error, Result, grpc};
use iso_currency::Currency;
use proto::inventory::v1 as pb;
use proto::inventory::v1::inventory_service_server::{InventoryService, InventoryServiceServer};
use tonic::{Request, Response, Status, service::Routes};
use uuid::Uuid;

use crate::{
    application::{
        App,
        commands::{Confirm, ExpireReservations, Release, Reserve},
        queries::GetAvailability,
    },
    domain::{
        Allotment, Basket, Context, HoldKey, Incentive, OrderedLine, PricedLine, Quantity,
        RefusedReservation, RequestLine, Sku,
    },
};

/// More SKUs in one call are refused.
const MAX_SKUS: usize = 10_000;

pub fn routes(app: Arc<App>) -> Routes {
    let incentives = super::incentive_grpc::server(app.clone());
    Routes::new(InventoryServiceServer::new(Inventory { app })).add_service(incentives)
}

struct Inventory {
    app: Arc<App>,
}

#[tonic::async_trait]
impl InventoryService for Inventory {
    async fn reserve(
        &self,
        request: Request<pb::ReserveRequest>,
    ) -> Result<Response<pb::ReserveResponse>, Status> {
        let deadline = grpc::deadline(&request);
        let request = request.into_inner();
        let ttl = u64::try_from(request.ttl_seconds)
            .ok()
            .filter(|seconds| *seconds > 0)
            .ok_or_else(|| Error::invalid_field("ttl_seconds", "must be positive"))?;
        let command = Reserve {
            key: key(&request.order_id, request.hold_no)?,
            basket: basket(
                &request.customer_id,
                request.lines,
                request.incentive,
                request.context,
            )?,
            ttl: Duration::from_secs(ttl),
            deadline,
        };
        let taken = self.app.commands.reserve.handle(command).await?;
        Ok(Response::new(pb::ReserveResponse {
            confirmation_token: taken.token.to_string(),
            currency: taken.currency,
            lines: taken.lines.into_iter().map(priced).collect(),
            points: taken.points,
            point_value: taken.point_value,
            discount_code: taken.discount_code.unwrap_or_default(),
            allotments: taken.allotments.into_iter().map(allotment).collect(),
        }))
    }

    async fn release(
        &self,
        request: Request<pb::ReleaseRequest>,
    ) -> Result<Response<pb::ReleaseResponse>, Status> {
        let request = request.into_inner();
        let key = key(&request.order_id, request.hold_no)?;
        let token = uuid("confirmation_token", &request.confirmation_token)?;
        self.app
            .commands
            .release
            .handle(Release { key, token })
            .await?;
        Ok(Response::new(pb::ReleaseResponse {}))
    }

    async fn confirm(
        &self,
        request: Request<pb::ConfirmRequest>,
    ) -> Result<Response<pb::ConfirmResponse>, Status> {
        let request = request.into_inner();
        let key = key(&request.order_id, request.hold_no)?;
        let token = uuid("confirmation_token", &request.confirmation_token)?;
        self.app
            .commands
            .confirm
            .handle(Confirm { key, token })
            .await?;
        Ok(Response::new(pb::ConfirmResponse {}))
    }

    async fn get_availability(
        &self,
        request: Request<pb::GetAvailabilityRequest>,
    ) -> Result<Response<pb::GetAvailabilityResponse>, Status> {
        let skus = request.into_inner().skus;
        if skus.len() > MAX_SKUS {
            return Err(Error::invalid_field("skus", format!("at most {MAX_SKUS}")).into());
        }
        let items = self
            .app
            .queries
            .get_availability
            .handle(GetAvailability { skus })
            .await?;
        Ok(Response::new(pb::GetAvailabilityResponse {
            items: items
                .into_iter()
                .map(|item| pb::Availability {
                    sku: item.sku,
                    on_hand: item.on_hand,
                    reserved: item.reserved,
                    available: item.available,
                    unit_price: item.price,
                    currency: item.currency,
                })
                .collect(),
        }))
    }

    async fn expire_reservations(
        &self,
        request: Request<pb::ExpireReservationsRequest>,
    ) -> Result<Response<pb::ExpireReservationsResponse>, Status> {
        let dry_run = request.into_inner().dry_run;
        let swept = self
            .app
            .commands
            .expire_reservations
            .handle(ExpireReservations { dry_run })
            .await?;
        Ok(Response::new(pb::ExpireReservationsResponse {
            overdue: swept.overdue,
            oldest_overdue_seconds: i64::try_from(swept.oldest.as_secs()).unwrap_or(i64::MAX),
            confirmed: swept.confirmed,
            released: swept.released,
            expired: swept.expired,
        }))
    }
}

/// A basket as it comes over the wire; an error names the field.
pub(super) fn basket(
    customer_id: &str,
    lines: Vec<pb::Line>,
    incentive: Option<pb::Incentive>,
    context: Option<pb::Context>,
) -> Result<Basket> {
    let customer_id = uuid("customer_id", customer_id)?;
    let lines = lines
        .into_iter()
        .enumerate()
        .map(|(line, requested)| {
            Ok(RequestLine {
                index: line,
                sku: Sku::parse(&requested.sku)
                    .map_err(|reason| RefusedReservation::Sku { line, reason })?,
                quantity: Quantity::parse(requested.quantity)
                    .ok_or(RefusedReservation::Quantity { line })?,
            })
        })
        .collect::<Result<_, RefusedReservation>>()?;
    let incentive = incentive.map(|incentive| Incentive {
        discount_code: incentive.discount_code,
        redeem_points: incentive.redeem_points,
    });
    let context = context.map(order_context).transpose()?;
    Ok(Basket::within(context, customer_id, lines, incentive)?)
}

fn order_context(context: pb::Context) -> Result<Context> {
    let lines = context
        .lines
        .into_iter()
        .enumerate()
        .map(|(line, ordered)| {
            let sku = Sku::parse(&ordered.sku).map_err(|invalid| {
                Error::invalid_field(format!("context.lines[{line}].sku"), invalid.to_string())
            })?;
            Ok(OrderedLine {
                sku,
                quantity: ordered.quantity,
                unit_price: ordered.unit_price,
                discount: ordered.discount,
                points_value: ordered.points_value,
            })
        })
        .collect::<Result<_>>()?;
    Ok(Context {
        currency: Currency::from_code(&context.currency)
            .ok_or_else(|| Error::invalid_field("context.currency", "no currency of ISO 4217"))?,
        lines,
        discount_code: Some(context.discount_code).filter(|code| !code.is_empty()),
    })
}

pub(super) fn allotment(allotment: Allotment) -> pb::Allotment {
    pb::Allotment {
        discount: allotment.discount,
        points_value: allotment.points_value,
    }
}

pub(super) fn priced(line: PricedLine) -> pb::PricedLine {
    pb::PricedLine {
        sku: line.sku.to_string(),
        name: line.name,
        quantity: line.quantity,
        unit_price: line.unit_price,
        discount: line.discount,
        points_value: line.points_value,
        available: line.available,
    }
}

fn key(order_id: &str, hold_no: i32) -> Result<HoldKey> {
    if hold_no < 1 {
        return Err(Error::invalid_field("hold_no", "must be at least 1"));
    }
    Ok(HoldKey {
        order_id: uuid("order_id", order_id)?,
        hold_no,
    })
}

fn uuid(field: &str, text: &str) -> Result<Uuid> {
    text.parse()
        .map_err(|_| Error::invalid_field(field, "must be a UUID"))
}
