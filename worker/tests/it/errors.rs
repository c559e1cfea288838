//! What the services log at ERROR, in one place.

use std::{collections::BTreeMap, sync::Arc};

use chassis::{
    Service,
    amqp::{self, Bus},
    testing::{TestNamespace, amqp_url, namespace},
};
use chrono::{DateTime, Duration, Utc};
use proto::{
    cloudevents::CloudEvent,
    events::ops::{ERROR_LOGGED, ErrorLogged},
    topology::WORKER_ERRORS,
};
use reqwest::Method;
use serde_json::Value;
use worker::events::StoreErrors;

use crate::support::{CUSTOMER, OPERATOR, Rest, database, eventually, token};

fn event(service: &str, message: &str, at: DateTime<Utc>) -> CloudEvent {
    let error = ErrorLogged {
        service: service.to_owned(),
        version: "0.1.0".to_owned(),
        target: "order_svc::relay".to_owned(),
        message: message.to_owned(),
        trace_id: Some("0af7651916cd43dd8448eb211c80319c".to_owned()),
        fields: BTreeMap::from([("error".to_owned(), "broken\0pipe".to_owned())]),
    };
    CloudEvent::new(
        &format!("/{service}"),
        ERROR_LOGGED,
        service,
        None,
        at,
        &error,
    )
    .unwrap()
}

fn messages(page: &Value) -> Vec<&str> {
    let items = page["items"].as_array().unwrap();
    items
        .iter()
        .map(|item| item["message"].as_str().unwrap())
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn logged_errors_are_listed_newest_first_page_by_page() {
    let database = database().await;
    let pool = &database.pool;
    let config = amqp::Config {
        amqp_url: amqp_url().as_str().into(),
        amqp_namespace: namespace(),
    };
    let _namespace = TestNamespace(config.clone());
    let bus = Bus::new(&config, "test");
    let service = Service::new("worker");
    service.consume(
        WORKER_ERRORS,
        pool.clone(),
        bus.clone(),
        Arc::new(StoreErrors),
    );
    eventually(async || bus.ready().then_some(())).await;

    let start = Utc::now() - Duration::hours(1);
    for n in 0..5 {
        let service = if n % 2 == 0 { "order-svc" } else { "gateway" };
        let event = event(service, &format!("error {n}"), start + Duration::seconds(n));
        bus.publish(&event).await.unwrap();
        bus.publish(&event).await.unwrap();
    }
    eventually(async || {
        let stored: i64 = sqlx::query_scalar("select count(*) from errors")
            .fetch_one(pool)
            .await
            .unwrap();
        (stored == 5).then_some(())
    })
    .await;

    let rest = Rest::start(pool).await;
    let first = rest.get("/v1/errors?limit=2").await;
    assert_eq!(messages(&first), ["error 4", "error 3"]);
    assert_eq!(first["items"][0]["service"], "order-svc");
    assert_eq!(first["items"][0]["fields"]["error"], "broken\u{fffd}pipe");
    assert_eq!(
        first["items"][0]["trace_id"],
        "0af7651916cd43dd8448eb211c80319c"
    );
    let second = rest
        .get(&format!(
            "/v1/errors?limit=2&after={}",
            first["next"].as_str().unwrap()
        ))
        .await;
    assert_eq!(messages(&second), ["error 2", "error 1"]);
    let third = rest
        .get(&format!(
            "/v1/errors?limit=2&after={}",
            second["next"].as_str().unwrap()
        ))
        .await;
    assert_eq!(messages(&third), ["error 0"]);
    assert_eq!(third["next"], Value::Null);
    assert_eq!(
        messages(&rest.get("/v1/errors?service=gateway").await),
        ["error 3", "error 1"]
    );
    rest.stop().await;
    service.stop().await;
}

#[tokio::test]
async fn only_who_may_manage_jobs_sees_them_and_the_errors() {
    let database = database().await;
    let rest = Rest::start(&database.pool).await;
    for (method, path) in [
        (Method::GET, "/v1/errors"),
        (Method::GET, "/v1/jobs"),
        (Method::GET, "/v1/jobs/summary"),
        (Method::GET, "/v1/jobs/01JD8Z6T5V8Q4N7K9R3M2C1XWB"),
        (Method::POST, "/v1/jobs/01JD8Z6T5V8Q4N7K9R3M2C1XWB/retry"),
        (Method::DELETE, "/v1/jobs/01JD8Z6T5V8Q4N7K9R3M2C1XWB"),
    ] {
        let nobody = rest.request(method.clone(), path).send().await.unwrap();
        assert_eq!(nobody.status(), 401, "{path}");
        assert_eq!(nobody.headers()["www-authenticate"], "Bearer");
        let customer = rest
            .request(method.clone(), path)
            .bearer_auth(token(CUSTOMER))
            .send()
            .await
            .unwrap();
        assert_eq!(customer.status(), 403, "{path}");
        let problem: Value = customer.json().await.unwrap();
        assert_eq!(problem["type"], "urn:problem-type:forbidden");
        let operator = rest
            .request(method, path)
            .bearer_auth(token(OPERATOR))
            .send()
            .await
            .unwrap();
        assert!([200, 404].contains(&operator.status().as_u16()), "{path}");
    }
    for bad in [
        "/v1/errors?limit=0",
        "/v1/errors?limit=x",
        "/v1/errors?after=x",
        "/v1/jobs?state=x",
        "/v1/jobs?kind=%00",
        "/v1/errors?service=%00",
    ] {
        let refused = rest
            .request(Method::GET, bad)
            .bearer_auth(token(OPERATOR))
            .send()
            .await
            .unwrap();
        assert_eq!(refused.status(), 422, "{bad}");
    }
    rest.stop().await;
}
