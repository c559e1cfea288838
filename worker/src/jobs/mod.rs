//! The kinds of jobs, one file each.

mod account_mail;
mod audit;
mod expire_points;
mod order_confirmation_mail;
mod prune;
mod rotate_keys;
mod watch_sweeper;

use std::{sync::Arc, time::Duration};

use anyhow::Context as _;
use chassis::{Service, grpc::Peers, health::Check};
use proto::{
    audit::v1::audit_service_client::AuditServiceClient,
    identity::v1::identity_service_client::IdentityServiceClient,
    incentive::v1::incentive_service_client::IncentiveServiceClient,
    inventory::v1::inventory_service_client::InventoryServiceClient,
    ops::v1::ops_service_client::OpsServiceClient,
};
use sqlx::PgPool;

pub use self::{
    account_mail::{AccountMail, AccountMailRequest},
    audit::Audit,
    expire_points::ExpirePoints,
    order_confirmation_mail::{OrderConfirmation, OrderConfirmationMail},
    prune::{Keep, Prune},
    rotate_keys::RotateKeys,
    watch_sweeper::WatchSweeper,
};
use crate::{
    Config,
    mail::{self, Post},
    queue::{Job, Recurring, Timing, repeat, work},
};

/// The recurring jobs and their schedules, for the console.
pub const RECURRING: &[(&str, &str)] = &[
    (ExpirePoints::KIND, ExpirePoints::SCHEDULE),
    (Audit::KIND, Audit::SCHEDULE),
    (Prune::KIND, Prune::SCHEDULE),
    (RotateKeys::KIND, RotateKeys::SCHEDULE),
    (WatchSweeper::KIND, WatchSweeper::SCHEDULE),
];

/// Every kind of job, for the console.
pub const KINDS: &[&str] = &[
    AccountMail::KIND,
    ExpirePoints::KIND,
    Audit::KIND,
    OrderConfirmationMail::KIND,
    Prune::KIND,
    RotateKeys::KIND,
    WatchSweeper::KIND,
];

/// Works on every kind of job until the service stops.
///
/// # Errors
/// When an address or a mail setting is malformed.
pub fn start(
    service: &Service,
    config: &Config,
    peers: &Peers,
    pool: &PgPool,
) -> anyhow::Result<()> {
    let identity = peers.to_identity();
    let inventory = peers
        .channel(&config.inventory_grpc_url)
        .context("INVENTORY_GRPC_URL")?;
    let order = peers
        .channel(&config.order_grpc_url)
        .context("ORDER_GRPC_URL")?;
    let workers = Workers {
        service,
        pool,
        timing: config.timing(),
    };

    let post = Post {
        pool: pool.clone(),
        from: config.mail.mail_from.clone(),
        mailer: mail::mailer(&config.mail)?,
    };
    workers.run(AccountMail {
        users: IdentityServiceClient::new(identity.clone()),
        post: post.clone(),
        public_url: config.public_url(),
    });
    workers.run(OrderConfirmationMail {
        users: IdentityServiceClient::new(identity.clone()),
        post,
    });
    workers.run_at_ticks(Audit {
        services: vec![
            ("order-svc", AuditServiceClient::new(order.clone())),
            ("inventory-svc", AuditServiceClient::new(inventory.clone())),
        ],
        settle: Duration::from_secs(10),
    });
    workers.run_at_ticks(Prune {
        pool: pool.clone(),
        services: vec![
            ("order-svc", OpsServiceClient::new(order)),
            ("inventory-svc", OpsServiceClient::new(inventory.clone())),
            ("identity-svc", OpsServiceClient::new(identity.clone())),
        ],
        keep: config.keep(),
    });
    workers.run_at_ticks(RotateKeys {
        identity: IdentityServiceClient::new(identity),
        after_days: config.key_rotation_days,
    });
    workers.run_at_ticks(ExpirePoints {
        incentives: IncentiveServiceClient::new(inventory.clone()),
    });
    workers.run_at_ticks(WatchSweeper {
        inventory: InventoryServiceClient::new(inventory),
        tolerance: Duration::from_secs(60),
    });
    Ok(())
}

struct Workers<'a> {
    service: &'a Service,
    pool: &'a PgPool,
    timing: Timing,
}

impl Workers<'_> {
    /// Works on the jobs of one kind.
    fn run<J: Job>(&self, job: J) {
        let (pool, timing, alive) = (self.pool.clone(), self.timing, self.check::<J>());
        self.service.background(J::KIND, |stop| {
            work(pool, timing, Arc::new(job), alive, stop)
        });
    }

    /// The same, and enqueues one at each tick of its schedule.
    fn run_at_ticks<J: Recurring>(&self, job: J) {
        let (pool, timing, alive) = (self.pool.clone(), self.timing, self.check::<J>());
        self.service.background(J::KIND, async move |stop| {
            tokio::join!(
                repeat::<J>(pool.clone(), stop.clone()),
                work(pool, timing, Arc::new(job), alive, stop),
            );
        });
    }

    /// Ready only while somebody works on these jobs.
    fn check<J: Job>(&self) -> Check {
        self.service
            .health()
            .register(&format!("worker of {}", J::KIND))
    }
}
