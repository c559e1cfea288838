use std::time::Duration;

use anyhow::anyhow;
use askama::Template;
use async_trait::async_trait;
use chassis::grpc::{self, Channel};
use chrono::{DateTime, Utc};
use proto::{
    events::order::OrderData,
    identity::v1::{
        GetUserRequest, GetUserResponse, identity_service_client::IdentityServiceClient,
    },
};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    mail::{Letter, Post, addressee},
    money::Money,
    queue::{Job, NewJob, Policy, permanent},
    text::one_line,
};

const LOOKUP_DEADLINE: Duration = Duration::from_secs(5);

/// Tells a customer that an order has been placed, once per order.
pub struct OrderConfirmationMail {
    pub users: IdentityServiceClient<Channel>,
    pub post: Post,
}

/// The order as it was placed. The customer's address is looked up when the mail is sent, and stored nowhere.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct OrderConfirmation {
    pub order_id: Uuid,
    pub customer_id: Uuid,
    /// ISO 4217; amounts are its minor units.
    pub currency: String,
    pub lines: Vec<Line>,
    pub subtotal: i64,
    pub discount: i64,
    pub points_redeemed: i64,
    pub total: i64,
    pub placed_at: DateTime<Utc>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Line {
    pub sku: String,
    pub name: String,
    pub quantity: i64,
    pub unit_price: i64,
    pub total: i64,
}

impl OrderConfirmation {
    /// The job for an order that has just been placed.
    #[must_use]
    pub fn of(order: OrderData) -> NewJob<Self> {
        NewJob::new(
            key(order.order_id),
            Self {
                order_id: order.order_id,
                customer_id: order.customer_id,
                currency: order.currency,
                lines: order
                    .lines
                    .into_iter()
                    .map(|line| Line {
                        sku: line.sku,
                        name: line.name,
                        quantity: line.quantity,
                        unit_price: line.unit_price,
                        total: line.total,
                    })
                    .collect(),
                subtotal: order.subtotal,
                discount: order.discount,
                points_redeemed: order.points_redeemed,
                total: order.total,
                placed_at: order.placed_at,
            },
        )
    }
}

/// Names the one mail that an order gets.
fn key(order_id: Uuid) -> String {
    format!("order-confirmation:{order_id}")
}

#[async_trait]
impl Job for OrderConfirmationMail {
    const KIND: &'static str = "order_confirmation_mail";
    const POLICY: Policy = Policy {
        // The pauses add up to more than an hour, so that a mail server's maintenance costs no mail.
        max_attempts: 15,
        concurrency: 4,
        ..Policy::DEFAULT
    };
    type Payload = OrderConfirmation;

    async fn run(&self, order: OrderConfirmation) -> anyhow::Result<()> {
        let key = key(order.order_id);
        if self.post.has_sent(&key).await? {
            return Ok(());
        }
        let customer = self.customer(order.customer_id).await?;
        self.post.send(self.write(&key, &order, &customer)?).await
    }
}

impl OrderConfirmationMail {
    async fn customer(&self, id: Uuid) -> anyhow::Result<GetUserResponse> {
        let request = GetUserRequest {
            user_id: id.to_string(),
        };
        match self
            .users
            .clone()
            .get_user(grpc::request(request, LOOKUP_DEADLINE))
            .await
        {
            Ok(response) => Ok(response.into_inner()),
            Err(status) if status.code() == tonic::Code::NotFound => {
                Err(permanent(anyhow!("there is no user {id}")))
            }
            Err(status) => Err(anyhow!("identity-svc answered {:?}", status.code())
                .context("looking the customer up")),
        }
    }

    fn write(
        &self,
        key: &str,
        order: &OrderConfirmation,
        customer: &GetUserResponse,
    ) -> anyhow::Result<Letter> {
        let name = one_line(&customer.name);
        let view = View::of(order).map_err(permanent)?;
        Ok(Letter {
            key: key.to_owned(),
            from: self.post.from.clone(),
            to: addressee(&customer.email, &name)?,
            subject: format!("Your order {}", order.order_id),
            text: TextMail {
                name: &name,
                order: &view,
            }
            .render()?,
            html: HtmlMail {
                name: &name,
                order: &view,
            }
            .render()?,
        })
    }
}

/// What both forms of the mail show.
struct View {
    order_id: Uuid,
    placed_at: String,
    lines: Vec<LineView>,
    subtotal: Money,
    /// As it is taken off: negative, if there is one.
    discount: Option<Money>,
    points_redeemed: Option<i64>,
    total: Money,
}

struct LineView {
    sku: String,
    name: String,
    quantity: i64,
    unit_price: Money,
    total: Money,
}

impl View {
    fn of(order: &OrderConfirmation) -> anyhow::Result<Self> {
        let money = |amount| Money::new(amount, &order.currency);
        Ok(Self {
            order_id: order.order_id,
            placed_at: order.placed_at.format("%-d %B %Y, %H:%M UTC").to_string(),
            lines: order
                .lines
                .iter()
                .map(|line| {
                    Ok(LineView {
                        sku: one_line(&line.sku),
                        name: one_line(&line.name),
                        quantity: line.quantity,
                        unit_price: money(line.unit_price)?,
                        total: money(line.total)?,
                    })
                })
                .collect::<anyhow::Result<_>>()?,
            subtotal: money(order.subtotal)?,
            discount: (order.discount != 0)
                .then(|| money(-order.discount))
                .transpose()?,
            points_redeemed: (order.points_redeemed != 0).then_some(order.points_redeemed),
            total: money(order.total)?,
        })
    }
}

#[derive(Template)]
#[template(path = "mail/order_confirmation.txt")]
struct TextMail<'a> {
    name: &'a str,
    order: &'a View,
}

#[derive(Template)]
#[template(path = "mail/order_confirmation.html")]
struct HtmlMail<'a> {
    name: &'a str,
    order: &'a View,
}
