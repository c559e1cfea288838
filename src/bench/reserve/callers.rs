//! Who asks for reservations.

use std::sync::Arc;

use chassis::{
    Code, Error,
    grpc::{self, Channel},
};
use proto::inventory::v1::{
    Line, ReserveRequest, inventory_service_client::InventoryServiceClient,
};
use rand::{SeedableRng as _, rngs::SmallRng};
use uuid::Uuid;

use super::HOLD_SECONDS;
use crate::{
    bench::{
        load::{Clients, DEADLINE, Refusal},
        stock::sku,
    },
    zipf::Zipf,
};

/// Callers that share a connection.
pub struct Callers {
    count: usize,
    client: InventoryServiceClient<Channel>,
    lines: usize,
    skus: Arc<Zipf>,
    rng: SmallRng,
}

impl Callers {
    pub fn new(count: usize, channel: Channel, lines: usize, skus: Arc<Zipf>) -> Self {
        Self {
            count,
            client: InventoryServiceClient::new(channel),
            lines,
            skus,
            rng: SmallRng::from_rng(&mut rand::rng()),
        }
    }

    /// A new order's first hold, of one piece of each of its SKUs.
    fn request(&mut self) -> ReserveRequest {
        ReserveRequest {
            order_id: Uuid::now_v7().to_string(),
            hold_no: 1,
            customer_id: Uuid::new_v4().to_string(),
            lines: self
                .skus
                .sample_distinct(self.lines, &mut self.rng)
                .into_iter()
                .map(|number| Line {
                    sku: sku(number),
                    quantity: 1,
                })
                .collect(),
            incentive: None,
            ttl_seconds: HOLD_SECONDS,
            context: None,
        }
    }
}

impl Clients for Callers {
    fn count(&self) -> usize {
        self.count
    }

    fn call(
        &mut self,
        _: usize,
    ) -> impl Future<Output = Result<(), Refusal>> + Send + 'static + use<> {
        let (mut client, request) = (self.client.clone(), self.request());
        async move {
            let answer = client.reserve(grpc::request(request, DEADLINE)).await;
            answer.map(drop).map_err(|status| {
                let error = Error::from(status);
                Refusal {
                    kind: error.kind().to_owned(),
                    doubtful: error.is_transient() || error.code() == Code::Internal,
                }
            })
        }
    }
}
