//! Reading the audit log.

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::{App, PASSWORD};

const EMAIL: &str = "ann@example.com";

/// Fails to sign in from an address that the gateway tells of.
async fn fail_from(app: &App, address: &str) {
    let request = app
        .request(Method::POST, "/v1/auth/login")
        .header("x-forwarded-for", address)
        .json(&json!({"email": EMAIL, "password": "not the password at all"}));
    assert_eq!(request.send().await.unwrap().status(), 401);
}

fn actions(rows: &[Value]) -> Vec<&str> {
    rows.iter()
        .map(|row| row["action"].as_str().unwrap())
        .collect()
}

#[tokio::test]
async fn rows_are_found_by_who_did_what_to_whom() {
    let app = App::start().await;
    let (ann, _) = app.customer(EMAIL).await;
    let admin = app.admin().await;
    let me = app.get(&admin, "/v1/me").await.expect(200);
    let admin_id = me["id"].as_str().unwrap();
    app.set_roles(&admin, &ann, &["staff"]).await.expect(200);
    let rows = async |query: &str| {
        let path = format!("/v1/audit?{query}");
        let rows = app.items(&admin, &path).await;
        actions(&rows).join(" ")
    };
    assert_eq!(
        rows("").await,
        "user.roles_set session.opened session.opened user.registered user.administrator_made"
    );
    assert_eq!(
        rows(&format!("actor={admin_id}")).await,
        "user.roles_set session.opened"
    );
    assert_eq!(
        rows(&format!("subject={ann}")).await,
        "user.roles_set session.opened user.registered"
    );
    assert_eq!(
        rows(&format!("actor={admin_id}&subject={ann}")).await,
        "user.roles_set"
    );
    assert_eq!(
        rows("action=session.opened").await,
        "session.opened session.opened"
    );
    assert_eq!(
        rows("action=user.").await,
        "user.roles_set user.registered user.administrator_made"
    );
    assert_eq!(rows(&format!("action=user.&actor={ann}")).await, "");
    assert_eq!(rows("subject=nobody").await, "");
    assert_eq!(rows(&format!("actor={}", Uuid::now_v7())).await, "");
}

#[tokio::test]
async fn rows_are_found_by_where_they_come_from() {
    let app = App::start().await;
    let admin = app.admin().await;
    for address in ["10.1.2.3", "10.255.255.255", "11.0.0.0", "2001:db8::7"] {
        fail_from(&app, address).await;
    }
    for (asked, found) in [
        ("10.1.2.3", &["10.1.2.3"][..]),
        ("10.0.0.0/8", &["10.255.255.255", "10.1.2.3"]),
        ("10.9.9.9/8", &["10.255.255.255", "10.1.2.3"]),
        ("2001:db8::/32", &["2001:db8::7"]),
        ("2001:db8::7", &["2001:db8::7"]),
        ("::ffff:10.1.2.3", &["10.1.2.3"]),
        ("::/0", &["2001:db8::7"]),
        ("192.0.2.0/24", &[]),
    ] {
        let path = format!("/v1/audit?action=sign_in.&address={asked}");
        let rows = app.items(&admin, &path).await;
        let addresses: Vec<_> = rows.iter().map(|row| row["address"].as_str()).collect();
        let found: Vec<_> = found.iter().copied().map(Some).collect();
        assert_eq!(addresses, found, "{asked}");
    }
}

#[tokio::test]
async fn rows_are_found_by_their_time() {
    let app = App::start().await;
    let admin = app.admin().await;
    for _ in 0..3 {
        fail_from(&app, "192.0.2.7").await;
    }
    let failed = "/v1/audit?action=sign_in.failed";
    let all = app.items(&admin, failed).await;
    assert_eq!(all.len(), 3);
    let at: DateTime<Utc> = all[1]["at"].as_str().unwrap().parse().unwrap();
    let micro = TimeDelta::microseconds(1);
    let count = async |bound: &str, time: DateTime<Utc>| {
        let time = time.to_rfc3339_opts(SecondsFormat::Micros, true);
        app.items(&admin, &format!("{failed}&{bound}={time}"))
            .await
            .len()
    };
    // From a time on, and before a time: the times of the rows themselves are among the former.
    assert_eq!(count("from", at).await, 2);
    assert_eq!(count("from", at + micro).await, 1);
    assert_eq!(count("to", at).await, 1);
    assert_eq!(count("to", at + micro).await, 2);
    let east = "from=2020-01-01T02:00:00%2B02:00&to=2020-01-01T00:00:01Z";
    assert!(
        app.items(&admin, &format!("/v1/audit?{east}"))
            .await
            .is_empty()
    );
}

#[tokio::test]
async fn the_log_is_read_page_by_page_while_it_grows() {
    let app = App::start().await;
    let admin = app.admin().await;
    for _ in 0..5 {
        fail_from(&app, "192.0.2.7").await;
    }
    let mut sizes = Vec::new();
    let mut ids = Vec::new();
    let first = "/v1/audit?limit=2&action=sign_in.failed".to_owned();
    let mut path = first.clone();
    loop {
        let page = app.get(&admin, &path).await.expect(200);
        let items = page["items"].as_array().unwrap();
        sizes.push(items.len());
        ids.extend(
            items
                .iter()
                .map(|row| row["id"].as_str().unwrap().to_owned()),
        );
        fail_from(&app, "192.0.2.7").await;
        match page["next"].as_str() {
            Some(next) => path = format!("{first}&after={next}"),
            None => break,
        }
    }
    assert_eq!(sizes, [2, 2, 1]);
    assert!(ids.is_sorted_by(|a, b| a > b), "{ids:?}");
}

#[tokio::test]
async fn what_cannot_be_asked_for_is_named() {
    let app = App::start().await;
    let admin = app.admin().await;
    let get = async |query: &str| app.get(&admin, &format!("/v1/audit?{query}")).await;
    for field in ["actor", "action", "address", "from", "to", "limit", "after"] {
        get(&format!("{field}=x!")).await.invalid(&[field]);
    }
    get("subject=%00").await.invalid(&["subject"]);
    get("actor=x&action=x&address=x&from=x&to=x&subject=%0A")
        .await
        .invalid(&["actor", "subject", "action", "address", "from", "to"]);
}

#[tokio::test]
async fn the_log_is_shown_to_nobody_without_the_permission() {
    let app = App::start().await;
    let (ann, token) = app.customer(EMAIL).await;
    let admin = app.admin().await;
    app.get(&token, "/v1/audit").await.problem(403, "forbidden");
    app.set_roles(&admin, &ann, &["staff"]).await.expect(200);
    app.get(&token, "/v1/audit").await.problem(403, "forbidden");
    let auditor = json!({"name": "auditor", "permissions": ["audit:read"]});
    app.send(&admin, Method::POST, "/v1/roles", auditor)
        .await
        .expect(201);
    app.set_roles(&admin, &ann, &["auditor"]).await.expect(200);
    app.get(&token, "/v1/audit").await.expect(200);
    app.get(&token, "/v1/users").await.problem(403, "forbidden");
    app.login(EMAIL, PASSWORD).await.expect(200);
}
