//! Whoever ends a session ends its access tokens, at every service, within a second.

use std::time::{Duration, Instant};

use chassis::testing::Line;
use serde_json::{Value, json};

use crate::{
    common::{Client, Shop},
    kept_permissions::{all_hear, calls_of},
    tokens::doors,
};

/// A second is promised; this is for a busy machine. The token would be good for a quarter of an hour.
const SOON: Duration = Duration::from_secs(5);

const PASSWORD: &str = "correct horse battery";

/// Somebody who has signed in.
struct Person {
    email: String,
    visitor: Client,
    access: Client,
    refresh: String,
}

impl Person {
    async fn register(shop: &Shop) -> Self {
        let email = format!("{}@shop.example", uuid::Uuid::now_v7().simple());
        let visitor = shop.visitor();
        let account = json!({"email": email, "password": PASSWORD, "name": "Ann"});
        visitor.post("/v1/auth/register", account).await.expect(201);
        Self::sign_in(&visitor, email).await
    }

    async fn sign_in(visitor: &Client, email: String) -> Self {
        let login = json!({"email": email, "password": PASSWORD});
        let tokens = visitor.post("/v1/auth/login", login).await.expect(200);
        let text = |member: &str| tokens[member].as_str().expect(member).to_owned();
        Self {
            email,
            visitor: visitor.clone(),
            access: visitor.with_token(&text("access_token")),
            refresh: text("refresh_token"),
        }
    }

    /// The same person's next session.
    async fn again(&self) -> Self {
        Self::sign_in(&self.visitor, self.email.clone()).await
    }

    async fn sign_out(&self) {
        let body = json!({"refresh_token": self.refresh});
        self.visitor.post("/v1/auth/logout", body).await.expect(204);
    }

    async fn session(&self) -> String {
        let sessions = self.access.get("/v1/me/sessions").await.expect(200);
        let sessions = sessions["items"].as_array().expect("sessions");
        let current = sessions.iter().find(|session| session["current"] == true);
        let id = current.map(|session| &session["id"]);
        id.and_then(Value::as_str).expect("an id").to_owned()
    }

    /// The statuses that the doors of the services answer.
    async fn statuses(&self, shop: &Shop) -> Vec<u16> {
        let token = self.access.token().expect("a token");
        let mut statuses = Vec::new();
        // What everybody may see, this person may, too.
        let doors = doors(shop).into_iter();
        for (door, path) in doors.filter(|(_, path)| *path != "/v1/products") {
            let answer = door.with_token(token).get(path).await;
            statuses.push(answer.status.as_u16());
        }
        statuses
    }

    async fn may_go_on(&self, shop: &Shop) {
        let statuses = self.statuses(shop).await;
        assert!(!statuses.contains(&401), "{statuses:?}");
    }

    /// Waits until no service knows the token any more.
    async fn is_out_soon(&self, shop: &Shop, how: &str) {
        let ended = Instant::now();
        loop {
            let statuses = self.statuses(shop).await;
            if statuses.iter().all(|status| *status == 401) {
                return;
            }
            assert!(ended.elapsed() < SOON, "{how}: {statuses:?}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn however_a_session_ends_its_access_token_ends_with_it() {
    let shop = Shop::open().await;
    let admin = shop.admin().await;
    shop.product(&admin, "HEART", 255, 0).await;
    all_hear(&shop).await;

    let ann = Person::register(&shop).await;
    let other = ann.again().await;
    ann.may_go_on(&shop).await;
    ann.sign_out().await;
    ann.is_out_soon(&shop, "signed out").await;
    other.may_go_on(&shop).await;

    let lost = ann.again().await;
    let path = format!("/v1/me/sessions/{}", lost.session().await);
    other.access.delete(&path).await.expect(204);
    lost.is_out_soon(&shop, "ended from elsewhere").await;

    let (one, two) = (ann.again().await, ann.again().await);
    other.access.delete("/v1/me/sessions").await.expect(204);
    for ended in [&one, &two, &other] {
        ended.is_out_soon(&shop, "all ended").await;
    }

    let user = ann.again().await;
    let path = format!("/v1/users/{}/disable", user.access.id().await);
    let reason = json!({"reason": "stolen"});
    admin.post(&path, reason).await.expect(200);
    user.is_out_soon(&shop, "disabled").await;
    shop.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn so_it_is_while_no_event_can_tell() {
    let (shop, lines) = Shop::open_on_lines(|_| {}).await;
    let admin = shop.admin().await;
    shop.product(&admin, "HEART", 255, 0).await;
    for line in [Line::Cut, Line::RepliesLost] {
        all_hear(&shop).await;
        let (early, late) = (Person::register(&shop).await, Person::register(&shop).await);
        early.may_go_on(&shop).await;
        lines.rabbitmq.set(line);
        early.sign_out().await;
        early.is_out_soon(&shop, "as RabbitMQ went").await;
        late.sign_out().await;
        late.is_out_soon(&shop, "while it is away").await;
        lines.rabbitmq.outage(Duration::from_millis(200)).await;
    }
    all_hear(&shop).await;
    shop.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_asks_for_each_request_whether_a_session_goes_on() {
    let shop = Shop::open().await;
    let ann = Person::register(&shop).await;
    all_hear(&shop).await;
    ann.may_go_on(&shop).await;
    let before = calls_of(&shop, "TrustService").await;
    for _ in 0..200 {
        ann.access.get("/v1/orders").await.expect(200);
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    // Each of the four services asks now and then.
    let asked = calls_of(&shop, "TrustService").await - before;
    assert!(asked <= 20.0, "asked {asked} times");
    shop.close().await;
}
