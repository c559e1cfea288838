use chassis::amqp::Bus;
use chrono::Utc;
use proto::{
    cloudevents::CloudEvent,
    events::identity::{MAIL_REQUESTED, MailData, MailKind, SOURCE},
};
use serde_json::json;
use uuid::Uuid;

use crate::common::{Client, Shop, mailed_token, mails, until};

const EMAIL: &str = "ann@shop.example";
const PASSWORD: &str = "correct horse battery";

async fn register(shop: &Shop) -> Client {
    let account = json!({"email": EMAIL, "password": PASSWORD, "name": "Ann <b>Lee</b>"});
    let visitor = shop.visitor();
    visitor.post("/v1/auth/register", account).await.expect(201);
    visitor.signed_in(EMAIL, PASSWORD).await
}

async fn jobs_done(shop: &Shop) -> usize {
    let admin = shop.admin().await;
    let jobs = admin
        .get("/v1/jobs?kind=account_mail&state=succeeded")
        .await
        .expect(200);
    jobs["items"].as_array().expect("items").len()
}

fn request(user_id: Uuid, kind: MailKind) -> CloudEvent {
    let data = MailData { user_id, kind };
    CloudEvent::new(SOURCE, MAIL_REQUESTED, user_id, None, Utc::now(), &data).expect("an event")
}

#[tokio::test(flavor = "multi_thread")]
async fn who_registers_gets_a_mail_whose_link_verifies_the_address() {
    let shop = Shop::open().await;
    let ann = register(&shop).await;
    let token = mailed_token(&shop, EMAIL, "Subject: Verify your e-mail address").await;
    let mails = mails(&shop, "account-mail");
    let mail = &mails[0];
    for part in [
        "Hello Ann <b>Lee</b>,",
        "Hello Ann &#60;b&#62;Lee&#60;/b&#62;,",
        &format!("{}/account/verify-email#token={token}", shop.url),
        "The link works for 48 hours.",
    ] {
        assert!(mail.contains(part), "`{part}` is missing in\n{mail}");
    }
    let page = ann.get("/account/verify-email").await;
    assert_eq!(
        page.header("content-type"),
        Some("text/html; charset=utf-8")
    );
    assert!(page.header("content-security-policy").is_some());

    assert_eq!(ann.get("/v1/me").await.expect(200)["email_verified"], false);
    shop.visitor()
        .post("/v1/auth/verify-email", json!({"token": token}))
        .await
        .expect(204);
    assert_eq!(ann.get("/v1/me").await.expect(200)["email_verified"], true);

    // Whoever reads the jobs gets no link.
    let jobs: Vec<String> = sqlx::query_scalar(
        "select convert_from(job, 'UTF8') from apalis.jobs where job_type = 'account_mail'",
    )
    .fetch_all(&shop.databases.worker.pool)
    .await
    .expect("jobs");
    assert_eq!(jobs.len(), 1);
    assert!(
        !jobs[0].contains(&token) && !jobs[0].contains(EMAIL),
        "{jobs:?}"
    );
    shop.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_is_sent_once_and_not_when_there_is_nothing_to_say_any_more() {
    let shop = Shop::open().await;
    let ann = register(&shop).await;
    let id = ann.id().await;
    let token = mailed_token(&shop, EMAIL, "Subject: Verify your e-mail address").await;
    ann.post("/v1/auth/verify-email", json!({"token": token}))
        .await
        .expect(204);

    let bus = Bus::new(&shop.configs.worker.amqp, "test");
    until("the bus is ready", async || bus.ready()).await;
    let changed = request(id, MailKind::PasswordChanged);
    let obsolete = request(id, MailKind::EmailVerification);
    for event in [&changed, &changed, &obsolete] {
        bus.publish(event).await.expect("published");
    }
    until("the jobs are done", async || jobs_done(&shop).await == 3).await;
    let mails = mails(&shop, "account-mail");
    assert_eq!(mails.len(), 2, "{mails:#?}");
    let changed = mails
        .iter()
        .find(|mail| mail.contains("Subject: Your password was changed"))
        .expect("the mail");
    let link = format!("{}/account/reset-password", shop.url);
    assert!(changed.contains(&link), "{changed}");
    assert!(!changed.contains("#token"), "{changed}");
    shop.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_has_an_account_already_hears_of_it() {
    let shop = Shop::open().await;
    register(&shop).await;
    let account = json!({"email": EMAIL, "password": "somebody else's guess", "name": "Eve"});
    shop.visitor()
        .post("/v1/auth/register", account)
        .await
        .expect(201);
    until("both mails arrive", async || {
        mails(&shop, "account-mail").len() == 2
    })
    .await;
    let mails = mails(&shop, "account-mail");
    let told = mails
        .iter()
        .find(|mail| mail.contains("Subject: You have an account already"))
        .expect("the mail");
    assert!(told.contains("Hello Ann"), "{told}");
    assert!(!told.contains("Eve"), "{told}");
    shop.close().await;
}
