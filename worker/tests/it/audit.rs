//! What must hold and does not is an error, once for each row.

use std::{
    fmt,
    pin::Pin,
    sync::{Arc, Mutex},
    time::Duration,
};

use chassis::grpc::Channel;
use chrono::Utc;
use futures::{Stream, stream};
use proto::audit::v1::{
    AuditEvent, AuditRequest, Checked, Violation,
    audit_event::Event,
    audit_service_client::AuditServiceClient,
    audit_service_server::{AuditService, AuditServiceServer},
};
use tonic::{Request, Response, Status, service::Routes};
use tracing::{Level, Subscriber, field::Field, instrument::WithSubscriber as _};
use tracing_subscriber::{Layer, layer::SubscriberExt as _};
use worker::{
    jobs::Audit,
    queue::{Job, Tick},
};

use crate::support::serve_grpc;

/// Finds so many violations.
struct Auditor(i64);

#[tonic::async_trait]
impl AuditService for Auditor {
    type AuditStream = Pin<Box<dyn Stream<Item = Result<AuditEvent, Status>> + Send>>;

    async fn audit(
        &self,
        request: Request<AuditRequest>,
    ) -> Result<Response<Self::AuditStream>, Status> {
        let request = request.into_inner();
        assert!(!request.repair, "it only watches");
        assert_eq!(request.settle_seconds, 10);
        let checked = Event::Checked(Checked {
            invariant: "some-rule".to_owned(),
            rows: 7,
            violations: self.0,
        });
        let violations = (0..self.0).map(|number| {
            Event::Violation(Violation {
                invariant: "some-rule".to_owned(),
                row: format!("row {number}"),
                detail: "is wrong".to_owned(),
                repaired: false,
            })
        });
        let events: Vec<_> = [checked]
            .into_iter()
            .chain(violations)
            .map(|event| Ok(AuditEvent { event: Some(event) }))
            .collect();
        Ok(Response::new(Box::pin(stream::iter(events))))
    }
}

/// The rows that are logged at ERROR.
#[derive(Clone, Default)]
struct Errors(Arc<Mutex<Vec<String>>>);

impl<S: Subscriber> Layer<S> for Errors {
    fn on_event(&self, event: &tracing::Event<'_>, _: tracing_subscriber::layer::Context<'_, S>) {
        let mut fields = Row(String::new());
        if *event.metadata().level() == Level::ERROR {
            event.record(&mut fields);
            self.0.lock().unwrap().push(fields.0);
        }
    }
}

struct Row(String);

impl tracing::field::Visit for Row {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if ["audit.service", "audit.row"].contains(&field.name()) {
            self.0.push_str(&format!("{value:?} "));
        }
    }
}

async fn client(violations: i64) -> AuditServiceClient<Channel> {
    let auditor = AuditServiceServer::new(Auditor(violations));
    let url = serve_grpc(Routes::new(auditor)).await;
    AuditServiceClient::new(Channel::without_token(&url).unwrap())
}

/// What the job says in the end, and what it logged.
async fn run(services: Vec<(&'static str, AuditServiceClient<Channel>)>) -> (String, Vec<String>) {
    let logged = Errors::default();
    let log = tracing_subscriber::registry().with(logged.clone());
    let settle = Duration::from_secs(10);
    let job = Audit { services, settle };
    let outcome = job.run(Tick { at: Utc::now() }).with_subscriber(log).await;
    let outcome = outcome.map_or_else(|error| format!("{error:#}"), |()| "ok".to_owned());
    let logged = logged.0.lock().unwrap().clone();
    (outcome, logged)
}

#[tokio::test]
async fn each_violation_is_logged_and_the_job_fails_for_good() {
    let (outcome, logged) = run(vec![("a", client(0).await), ("b", client(0).await)]).await;
    assert_eq!((outcome.as_str(), logged.len()), ("ok", 0));

    let (outcome, logged) = run(vec![("a", client(2).await), ("b", client(1).await)]).await;
    assert!(
        outcome.starts_with("not worth another try: 3 violations"),
        "{outcome}"
    );
    assert_eq!(
        logged,
        [r#""a" "row 0" "#, r#""a" "row 1" "#, r#""b" "row 0" "#]
    );

    let (outcome, logged) = run(vec![("a", client(500).await)]).await;
    assert!(outcome.contains("500 violations"), "{outcome}");
    assert_eq!(logged.len(), 100);
}

#[tokio::test]
async fn a_service_that_is_away_is_asked_again_and_nothing_is_logged_twice() {
    let nowhere = format!("http://{}", chassis::testing::free_addr());
    let away = AuditServiceClient::new(Channel::without_token(&nowhere).unwrap());
    let (outcome, logged) = run(vec![("a", client(2).await), ("b", away)]).await;
    assert_eq!(outcome, "b answered Unavailable");
    assert_eq!(logged.len(), 0);
}
