//! From an order's event to the customer's mailbox.

use std::{collections::HashMap, net::SocketAddr, path::Path, time::Duration};

use chassis::{
    amqp::Bus,
    testing::{TestNamespace, amqp_url, namespace},
};
use chrono::{TimeZone as _, Utc};
use clap::Parser as _;
use proto::{
    cloudevents::CloudEvent,
    events::order::{CREATED, CREATED_WITH_INCENTIVE, Line, OrderData, SOURCE, Status},
    identity::v1::{
        CheckPermissionRequest, CheckPermissionResponse, GetUserRequest, GetUserResponse,
        PrepareMailRequest, PrepareMailResponse, RotateKeysRequest, RotateKeysResponse,
        identity_service_server::{IdentityService, IdentityServiceServer},
    },
};
use tonic::{Request, Response, service::Routes};
use uuid::Uuid;
use worker::{Config, queue::JobState};

use crate::support::{CUSTOMER, database, eventually, serve_grpc, tries, trust, wait_for_state};

/// Knows one person.
struct OnePerson;

#[tonic::async_trait]
impl IdentityService for OnePerson {
    async fn check_permission(
        &self,
        _: Request<CheckPermissionRequest>,
    ) -> Result<Response<CheckPermissionResponse>, tonic::Status> {
        Ok(Response::new(CheckPermissionResponse { allowed: false }))
    }

    async fn get_user(
        &self,
        request: Request<GetUserRequest>,
    ) -> Result<Response<GetUserResponse>, tonic::Status> {
        if request.into_inner().user_id != CUSTOMER.to_string() {
            return Err(tonic::Status::not_found("no such user"));
        }
        Ok(Response::new(GetUserResponse {
            id: CUSTOMER.to_string(),
            email: "ada@example.com".to_owned(),
            name: "Ada <b>Byron</b>\r\nBcc: all@example.com".to_owned(),
            roles: Vec::new(),
            permissions: Vec::new(),
        }))
    }

    async fn prepare_mail(
        &self,
        _: Request<PrepareMailRequest>,
    ) -> Result<Response<PrepareMailResponse>, tonic::Status> {
        Err(tonic::Status::not_found("no such user"))
    }

    async fn rotate_keys(
        &self,
        _: Request<RotateKeysRequest>,
    ) -> Result<Response<RotateKeysResponse>, tonic::Status> {
        Err(tonic::Status::permission_denied("not here"))
    }
}

fn order(customer_id: Uuid) -> OrderData {
    let at = Utc.with_ymd_and_hms(2026, 3, 1, 9, 5, 0).unwrap();
    OrderData {
        order_id: Uuid::now_v7(),
        customer_id,
        status: Status::Placed,
        version: 1,
        currency: "GBP".to_owned(),
        lines: vec![Line {
            sku: "85123A-255".to_owned(),
            name: "WHITE <i>HANGING</i> HEART & T-LIGHT HOLDER".to_owned(),
            quantity: 600,
            unit_price: 255,
            discount: 0,
            total: 153_000,
            cancelled_quantity: 0,
            returned_quantity: 0,
            points_value: 0,
            restocked_quantity: 0,
        }],
        subtotal: 153_000,
        discount: 3_000,
        points_redeemed: 0,
        points_returned: 0,
        points_withheld: 0,
        net: None,
        total: 150_000,
        refunded: 0,
        incentive: None,
        holds: vec![1],
        reason: None,
        placed_at: at,
        updated_at: at,
    }
}

fn event(kind: &str, order: &OrderData) -> CloudEvent {
    CloudEvent::new(
        SOURCE,
        kind,
        order.order_id,
        Some(1),
        order.placed_at,
        order,
    )
    .unwrap()
}

fn config(database: &chassis::testing::TestDatabase, identity: String, mails: &Path) -> Config {
    let mut config = Config::parse_from(["worker"]);
    config.http_addr = SocketAddr::from(([127, 0, 0, 1], 0));
    config.database_url = database.url.clone();
    config.database_pool = 4;
    config.poll_millis = 50;
    config.auth.identity_grpc_url = identity;
    config.mail.mail_smtp_url = None;
    config.mail.mail_dir = mails.to_owned();
    config.amqp.amqp_url = amqp_url().as_str().into();
    config.amqp.amqp_namespace = namespace();
    config
}

fn mailbox(path: &Path) -> HashMap<String, String> {
    let Ok(files) = std::fs::read_dir(path) else {
        return HashMap::new();
    };
    files
        .map(|file| file.unwrap())
        .filter(|file| {
            file.path()
                .extension()
                .is_some_and(|extension| extension == "eml")
        })
        .map(|file| {
            let raw = std::fs::read(file.path()).unwrap();
            let decoded =
                quoted_printable::decode(raw, quoted_printable::ParseMode::Robust).unwrap();
            (
                file.file_name().into_string().unwrap(),
                String::from_utf8_lossy(&decoded).into_owned(),
            )
        })
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_order_gets_one_mail_however_often_its_event_comes() {
    let database = database().await;
    let mails = tempfile::tempdir().unwrap();
    let identity =
        serve_grpc(Routes::new(IdentityServiceServer::new(OnePerson)).add_service(trust())).await;
    let config = config(&database, identity, mails.path());
    let _namespace = TestNamespace(config.amqp.clone());
    let service = worker::start(config.clone()).await.unwrap();
    let bus = Bus::new(&config.amqp, "test");
    eventually(async || bus.ready().then_some(())).await;
    eventually(async || service.health().ready().then_some(())).await;

    let (first, second) = (order(CUSTOMER), order(CUSTOMER));
    let created = event(CREATED, &first);
    bus.publish(&created).await.unwrap();
    bus.publish(&created).await.unwrap();
    eventually(async || (mailbox(mails.path()).len() == 1).then_some(())).await;
    // Long after: the inbox and the finished job are pruned, and the event comes again; and a twin with an id of its own.
    eventually(async || {
        let done: i64 = sqlx::query_scalar(
            "with finished as (delete from apalis.jobs where status = 'Done' and job_type = 'order_confirmation_mail' returning id)
             select count(*) from finished",
        )
        .fetch_one(&database.pool)
        .await
        .unwrap();
        (done == 1).then_some(())
    })
    .await;
    sqlx::query("delete from inbox")
        .execute(&database.pool)
        .await
        .unwrap();
    std::fs::remove_dir_all(mails.path()).unwrap();
    bus.publish(&created).await.unwrap();
    bus.publish(&event(CREATED, &first)).await.unwrap();
    bus.publish(&event(CREATED_WITH_INCENTIVE, &second))
        .await
        .unwrap();
    eventually(async || (!mailbox(mails.path()).is_empty()).then_some(())).await;
    tokio::time::sleep(Duration::from_millis(500)).await;

    let mailbox = mailbox(mails.path());
    assert_eq!(
        mailbox.len(),
        1,
        "only the second order's: {:?}",
        mailbox.keys()
    );
    let mail = &mailbox[&format!("order-confirmation.{}.eml", second.order_id)];
    let (headers, body) = mail.split_once("\r\n\r\n").unwrap();
    assert!(headers.contains("<ada@example.com>"), "{headers}");
    assert!(
        !headers.lines().any(|line| line.starts_with("Bcc:")),
        "{headers}"
    );
    assert!(
        headers.contains(&format!(
            "Message-ID: <order-confirmation.{}@localhost>",
            second.order_id
        )),
        "{headers}"
    );
    assert!(
        body.contains("600 x WHITE <i>HANGING</i> HEART & T-LIGHT HOLDER (85123A-255)"),
        "{body}"
    );
    assert!(
        body.contains("WHITE &#60;i&#62;HANGING&#60;/i&#62; HEART &#38; T-LIGHT HOLDER"),
        "{body}"
    );
    assert!(
        body.contains("Total: £1,500.00") && body.contains("Discount: -£30.00"),
        "{body}"
    );
    assert!(body.contains("Placed 1 March 2026, 09:05 UTC"), "{body}");
    let jobs: i64 = sqlx::query_scalar(
        "select count(*) from apalis.jobs where job_type = 'order_confirmation_mail'",
    )
    .fetch_one(&database.pool)
    .await
    .unwrap();
    assert_eq!(jobs, 2, "the two events of the first order make one job");
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_order_of_nobody_gets_no_mail_and_says_why() {
    let database = database().await;
    let mails = tempfile::tempdir().unwrap();
    let identity =
        serve_grpc(Routes::new(IdentityServiceServer::new(OnePerson)).add_service(trust())).await;
    let config = config(&database, identity, mails.path());
    let _namespace = TestNamespace(config.amqp.clone());
    let service = worker::start(config.clone()).await.unwrap();
    let bus = Bus::new(&config.amqp, "test");
    eventually(async || bus.ready().then_some(())).await;

    bus.publish(&event(CREATED, &order(Uuid::now_v7())))
        .await
        .unwrap();
    let id: String = eventually(async || {
        sqlx::query_scalar("select id from apalis.jobs where job_type = 'order_confirmation_mail'")
            .fetch_optional(&database.pool)
            .await
            .unwrap()
    })
    .await;
    wait_for_state(&database.pool, &id, JobState::Failed).await;

    let tries = tries(&database.pool, &id).await;
    assert_eq!(tries.len(), 1);
    assert!(
        tries[0]
            .error
            .as_ref()
            .unwrap()
            .contains("there is no user"),
        "{tries:?}"
    );
    assert!(mailbox(mails.path()).is_empty());
    service.stop().await;
}
