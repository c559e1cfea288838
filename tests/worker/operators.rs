use std::fs;

use serde_json::{Value, json};

use crate::common::{Client, Shop, mails, until};

const MAIL: &str = "order_confirmation_mail";

/// The mail jobs in this state.
async fn jobs(admin: &Client, state: &str) -> Vec<Value> {
    let path = format!("/v1/jobs?state={state}&kind={MAIL}");
    let mut list = admin.get(&path).await.expect(200);
    match list["items"].take() {
        Value::Array(jobs) => jobs,
        other => panic!("{other}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_sees_why_a_job_failed_and_has_it_tried_again() {
    let folder = tempfile::tempdir().expect("a folder");
    // A file where the mail folder should be: mails cannot be written.
    let obstacle = folder.path().join("mails");
    fs::write(&obstacle, "in the way").expect("a file");
    let mail_dir = obstacle.clone();
    let shop = Shop::open_with(move |configs| configs.worker.mail.mail_dir = mail_dir).await;
    let admin = shop.admin().await;
    shop.product(&admin, "HEART", 255, 10).await;
    let buyer = shop.customer().await;
    buyer.order("1", &[("HEART", 1)]).await.expect(201);

    let mut failing = Vec::new();
    until("the mail fails", async || {
        failing = jobs(&admin, "retrying").await;
        !failing.is_empty()
    })
    .await;
    let [job] = &*failing else {
        panic!("{failing:#?}");
    };
    let reason = job["last_error"].as_str().unwrap_or_default();
    assert!(reason.contains("mail folder"), "{job:#}");
    assert!(job["attempts"].as_i64() >= Some(1), "{job:#}");
    assert_eq!(jobs(&admin, "succeeded").await.len(), 0);
    let path = format!("/v1/jobs/{}", job["id"].as_str().expect("an id"));
    let detail = admin.get(&path).await.expect(200);
    assert_eq!(detail["state"], "retrying", "{detail:#}");

    fs::remove_file(&obstacle).expect("the file");
    // It may be running just now; then that try will do.
    let retried = admin.post(&format!("{path}/retry"), json!({})).await;
    assert!(
        [200, 409].contains(&retried.status.as_u16()),
        "{retried:#?}"
    );
    until("the mail is sent", async || {
        jobs(&admin, "succeeded").await.len() == 1
    })
    .await;
    assert_eq!(mails(&shop, "order-confirmation").len(), 1);

    admin.delete(&path).await.expect(204);
    admin.get(&path).await.expect_problem(404, "not-found");
    // The mail was sent, and its event that comes again sends none.
    shop.check_invariants().await;
    assert_eq!(mails(&shop, "order-confirmation").len(), 1);
    shop.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn jobs_are_listed_by_state_and_summed_up() {
    let shop = Shop::open().await;
    let admin = shop.admin().await;
    shop.product(&admin, "HEART", 255, 10).await;
    let buyer = shop.customer().await;
    for key in ["1", "2", "3"] {
        buyer.order(key, &[("HEART", 1)]).await.expect(201);
    }
    until("the mails are sent", async || {
        jobs(&admin, "succeeded").await.len() == 3
    })
    .await;
    for state in ["scheduled", "running", "retrying", "failed"] {
        assert_eq!(jobs(&admin, state).await.len(), 0, "{state}");
    }
    let path = format!("/v1/jobs?kind={MAIL}&state=succeeded&limit=2");
    let first = admin.get(&path).await.expect(200);
    assert_eq!(first["items"].as_array().map(Vec::len), Some(2));
    let next = first["next"].as_str().expect("a next page");
    let rest = admin.get(&format!("{path}&after={next}")).await.expect(200);
    assert_eq!(rest["items"].as_array().map(Vec::len), Some(1));
    assert_eq!(rest["next"], Value::Null);
    admin
        .get("/v1/jobs?state=asleep")
        .await
        .expect_field("state");

    let summary = admin.get("/v1/jobs/summary").await.expect(200);
    let kinds = summary["kinds"].as_array().expect("kinds");
    let mails = kinds
        .iter()
        .find(|kind| kind["kind"] == MAIL)
        .expect("the mails");
    assert_eq!(mails["states"]["succeeded"], 3, "{summary:#}");
    shop.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn jobs_are_for_operators_only() {
    let shop = Shop::open().await;
    let buyer = shop.customer().await;
    let admin = shop.admin().await;
    let staff = shop.staff(&admin).await;
    let job = "/v1/jobs/01ARZ3NDEKTSV4RRFFQ69G5FAV";
    for client in [&buyer, &staff] {
        client
            .get("/v1/jobs")
            .await
            .expect_problem(403, "forbidden");
        client
            .get("/v1/jobs/summary")
            .await
            .expect_problem(403, "forbidden");
        client.get(job).await.expect_problem(403, "forbidden");
        client.delete(job).await.expect_problem(403, "forbidden");
        let retry = client.post(&format!("{job}/retry"), json!({})).await;
        retry.expect_problem(403, "forbidden");
    }
    shop.visitor()
        .get("/v1/jobs")
        .await
        .expect_problem(401, "unauthenticated");
    admin.get(job).await.expect_problem(404, "not-found");
    // The page is for everybody to load, and shows nothing by itself.
    let page = shop.visitor().get("/console").await;
    assert_eq!(page.status, 200);
    let html = page.body.as_str().expect("a page");
    assert!(html.contains("<tbody id=\"jobs\"></tbody>"), "{html}");
    shop.close().await;
}
