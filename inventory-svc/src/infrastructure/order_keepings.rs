//! order-svc, asked over gRPC what its orders keep.

use std::time::Duration;

use async_trait::async_trait;
use chassis::{
    Result,
    grpc::{self, Channel},
};
use proto::{
    events::order::OrderData,
    order::v1::{ListKeepingRequest, order_service_client::OrderServiceClient},
};
use uuid::Uuid;

use crate::{
    application::ports::{KEEPINGS, Keepings},
    domain::OrderTarget,
    infrastructure::consumers::target_of,
};

const DEADLINE: Duration = Duration::from_secs(30);
/// A page of orders with hundreds of lines each.
const LARGEST_PAGE: usize = 256 * 1024 * 1024;

pub struct OrderKeepings {
    client: OrderServiceClient<Channel>,
}

impl OrderKeepings {
    #[must_use]
    pub fn new(channel: Channel) -> Self {
        Self {
            client: OrderServiceClient::new(channel).max_decoding_message_size(LARGEST_PAGE),
        }
    }
}

#[async_trait]
impl Keepings for OrderKeepings {
    async fn page(&self, after: Option<Uuid>, settle: Duration) -> Result<Vec<OrderTarget>> {
        let request = ListKeepingRequest {
            after: after.map(|id| id.to_string()).unwrap_or_default(),
            limit: i32::try_from(KEEPINGS).unwrap_or(i32::MAX),
            settle_seconds: i32::try_from(settle.as_secs()).unwrap_or(i32::MAX),
        };
        self.client
            .clone()
            .list_keeping(grpc::request(request, DEADLINE))
            .await?
            .into_inner()
            .orders
            .into_iter()
            .map(|keeping| {
                let order: OrderData = serde_json::from_slice(&keeping.order_data)?;
                target_of(order)
            })
            .collect()
    }
}
