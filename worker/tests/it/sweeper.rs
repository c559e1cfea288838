//! Stock that is held past its time is reported.

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, AtomicU32, Ordering},
    },
    time::Duration,
};

use chassis::grpc::Channel;
use chrono::Utc;
use proto::inventory::v1::{
    ConfirmRequest, ConfirmResponse, ExpireReservationsRequest, ExpireReservationsResponse,
    GetAvailabilityRequest, GetAvailabilityResponse, ReleaseRequest, ReleaseResponse,
    ReserveRequest, ReserveResponse,
    inventory_service_client::InventoryServiceClient,
    inventory_service_server::{InventoryService, InventoryServiceServer},
};
use tonic::{Request, Response, Status, service::Routes};
use tracing::{Level, Subscriber, instrument::WithSubscriber as _};
use tracing_subscriber::{Layer, layer::SubscriberExt as _};
use worker::{
    jobs::WatchSweeper,
    queue::{Job, Tick},
};

use crate::support::serve_grpc;

/// Its oldest hold is overdue by so many seconds.
#[derive(Clone, Default)]
struct Inventory(Arc<AtomicI64>);

#[tonic::async_trait]
impl InventoryService for Inventory {
    async fn expire_reservations(
        &self,
        request: Request<ExpireReservationsRequest>,
    ) -> Result<Response<ExpireReservationsResponse>, Status> {
        assert!(request.into_inner().dry_run, "it only watches");
        let seconds = self.0.load(Ordering::SeqCst);
        Ok(Response::new(ExpireReservationsResponse {
            overdue: i64::from(seconds > 0),
            oldest_overdue_seconds: seconds,
            ..ExpireReservationsResponse::default()
        }))
    }

    async fn reserve(
        &self,
        _: Request<ReserveRequest>,
    ) -> Result<Response<ReserveResponse>, Status> {
        Err(Status::unimplemented(""))
    }

    async fn release(
        &self,
        _: Request<ReleaseRequest>,
    ) -> Result<Response<ReleaseResponse>, Status> {
        Err(Status::unimplemented(""))
    }

    async fn confirm(
        &self,
        _: Request<ConfirmRequest>,
    ) -> Result<Response<ConfirmResponse>, Status> {
        Err(Status::unimplemented(""))
    }

    async fn get_availability(
        &self,
        _: Request<GetAvailabilityRequest>,
    ) -> Result<Response<GetAvailabilityResponse>, Status> {
        Err(Status::unimplemented(""))
    }
}

/// Counts what is logged at ERROR.
#[derive(Clone, Default)]
struct Errors(Arc<AtomicU32>);

impl<S: Subscriber> Layer<S> for Errors {
    fn on_event(&self, event: &tracing::Event<'_>, _: tracing_subscriber::layer::Context<'_, S>) {
        if *event.metadata().level() == Level::ERROR {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }
}

#[tokio::test]
async fn holds_overdue_for_more_than_a_minute_are_an_error() {
    let inventory = Inventory::default();
    let url = serve_grpc(Routes::new(InventoryServiceServer::new(inventory.clone()))).await;
    let job = WatchSweeper {
        inventory: InventoryServiceClient::new(Channel::without_token(&url).unwrap()),
        tolerance: Duration::from_secs(60),
    };
    for (seconds, errors) in [(0, 0), (60, 0), (61, 1)] {
        inventory.0.store(seconds, Ordering::SeqCst);
        let logged = Errors::default();
        let log = tracing_subscriber::registry().with(logged.clone());

        job.run(Tick { at: Utc::now() })
            .with_subscriber(log)
            .await
            .unwrap();

        assert_eq!(logged.0.load(Ordering::SeqCst), errors, "{seconds} s");
    }
}
