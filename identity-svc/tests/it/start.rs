use std::collections::HashSet;

use chassis::{
    amqp::Bus,
    config::Secret,
    testing::{self, TestDatabase},
};
use futures::future::join_all;
use identity_svc::Config;
use serde_json::{Value, json};

use crate::support::{
    ADMIN_EMAIL, ADMIN_PASSWORD, Answer, App, PASSWORD, access_token, config, refresh_token,
};

async fn login(client: &reqwest::Client, http: &str) -> Value {
    let body = json!({"email": ADMIN_EMAIL, "password": ADMIN_PASSWORD});
    let request = client.post(format!("{http}/v1/auth/login")).json(&body);
    Answer::of(request.send().await.unwrap()).await.expect(200)
}

#[tokio::test]
async fn replicas_that_start_at_once_are_one_service() {
    let db = testing::empty_database().await;
    let namespace = testing::namespace();
    let configs: Vec<Config> = (0..3)
        .map(|_| {
            let mut config = Config {
                database_url: db.url.clone(),
                http_addr: testing::free_addr(),
                grpc_addr: testing::free_addr(),
                ..config()
            };
            config.amqp.amqp_namespace.clone_from(&namespace);
            config
        })
        .collect();
    let services: Vec<_> = join_all(configs.iter().cloned().map(identity_svc::start))
        .await
        .into_iter()
        .map(Result::unwrap)
        .collect();

    let client = reqwest::Client::new();
    let urls: Vec<_> = configs
        .iter()
        .map(|config| format!("http://{}", config.http_addr))
        .collect();
    let mut keys = HashSet::new();
    for url in &urls {
        let response = client
            .get(format!("{url}/.well-known/jwks.json"))
            .send()
            .await
            .unwrap();
        keys.insert(response.text().await.unwrap());
    }
    assert_eq!(keys.len(), 1);
    let administrators: i64 = sqlx::query_scalar("select count(*) from users")
        .fetch_one(&db.pool)
        .await
        .unwrap();
    assert_eq!(administrators, 1);

    // What one issued, every other takes.
    let tokens = login(&client, &urls[0]).await;
    for url in &urls {
        let request = client
            .get(format!("{url}/v1/users"))
            .bearer_auth(access_token(&tokens));
        assert_eq!(request.send().await.unwrap().status(), 200);
    }
    let mut successors = HashSet::new();
    for url in &urls {
        let body = json!({"refresh_token": refresh_token(&tokens)});
        let request = client.post(format!("{url}/v1/auth/refresh")).json(&body);
        successors.insert(refresh_token(
            &Answer::of(request.send().await.unwrap()).await.expect(200),
        ));
    }
    assert_eq!(successors.len(), 1);

    for service in services {
        service.stop().await;
    }
    Bus::new(&configs[0].amqp, "test")
        .delete_topology()
        .await
        .unwrap();
}

async fn open(db: &TestDatabase, email: &str, password: &str) -> anyhow::Result<()> {
    let config = Config {
        admin_email: Some(email.to_owned()),
        admin_password: Some(Secret::from(password)),
        ..config()
    };
    identity_svc::open(db.pool.clone(), &config).await.map(drop)
}

#[tokio::test]
async fn a_later_start_leaves_the_administrator_alone() {
    let app = App::start().await;
    open(&app.db, ADMIN_EMAIL, "another long password")
        .await
        .unwrap();
    app.login(ADMIN_EMAIL, ADMIN_PASSWORD).await.expect(200);
    app.login(ADMIN_EMAIL, "another long password")
        .await
        .expect(401);
}

#[tokio::test]
async fn a_later_start_does_not_promote_an_account() {
    let app = App::start().await;
    let (id, _) = app.customer("ann@example.com").await;
    open(&app.db, "ann@example.com", ADMIN_PASSWORD)
        .await
        .unwrap();
    assert!(!app.allowed(&id, "users:manage").await);
    app.login("ann@example.com", PASSWORD).await.expect(200);
}

#[tokio::test]
async fn who_registered_the_administrators_address_first_gains_nothing() {
    let app = App::start().await;
    let (id, _) = app.customer("boss@example.com").await;
    app.execute("delete from user_roles where role = 'admin'")
        .await;

    let error = open(&app.db, "boss@example.com", ADMIN_PASSWORD)
        .await
        .unwrap_err();
    assert!(error.to_string().contains("ADMIN_EMAIL"), "{error}");
    assert!(!app.allowed(&id, "users:manage").await);
    open(&app.db, "chief@example.com", ADMIN_PASSWORD)
        .await
        .unwrap();
    let chief = app.login("chief@example.com", ADMIN_PASSWORD).await;
    let chief = access_token(&chief.expect(200));
    app.get(&chief, "/v1/users").await.expect(200);
}

#[tokio::test]
async fn half_an_administrator_stops_the_start() {
    let db = testing::database(&identity_svc::MIGRATIONS).await;
    let error = open(&db, ADMIN_EMAIL, "").await.unwrap_err();
    assert!(error.to_string().contains("ADMIN_PASSWORD"), "{error}");
    let error = open(&db, ADMIN_EMAIL, "too short").await.unwrap_err();
    assert!(format!("{error:#}").contains("ADMIN_PASSWORD"), "{error:#}");
    assert!(!format!("{error:#}").contains("too short"), "{error:#}");
}
