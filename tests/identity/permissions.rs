//! Every operation of the system, and who may call it. An operation that is new stands in `/openapi.json`, so this fails
//! until it stands in the table below, too. The table is the specification; `documented.rs` compares with it what the
//! document says.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use chrono::{Days, Utc};
use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::common::{Client, Shop, until};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Who {
    /// Nobody signed in.
    Visitor,
    /// The customer whose order it is.
    Customer,
    /// Another one.
    Other,
    Staff,
    Admin,
}

const ALL: [Who; 5] = [
    Who::Visitor,
    Who::Customer,
    Who::Other,
    Who::Staff,
    Who::Admin,
];

/// Whom an operation serves; the others get 401 (not signed in), 403 or, for what is somebody else's, 404.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    Anyone,
    SignedIn,
    /// Who has ordered it, and the staff.
    Owner,
    /// Staff and administrator hold the permission.
    Staff,
    /// The administrator alone holds it.
    Admin,
}
use Access::{Admin, Anyone, Owner, SignedIn, Staff};

impl Access {
    /// The status for this caller; None: it is served.
    fn refusal(self, who: Who) -> Option<u16> {
        match (self, who) {
            (Self::Anyone, _) => None,
            (_, Who::Visitor) => Some(401),
            (Self::SignedIn, _) | (_, Who::Admin) => None,
            (Self::Owner, Who::Customer | Who::Staff) => None,
            (Self::Owner, Who::Other) => Some(404),
            (Self::Staff, Who::Staff) => None,
            (Self::Staff, Who::Customer | Who::Other) => Some(403),
            (Self::Admin, _) => Some(403),
        }
    }
}

/// An operation and a request for it that succeeds with `status`.
pub(crate) struct Row {
    pub(crate) method: &'static str,
    pub(crate) path: &'static str,
    pub(crate) access: Access,
    status: u16,
    /// A string is a file.
    body: Option<Value>,
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.method, self.path)
    }
}

fn row(method: &'static str, path: &'static str, access: Access, status: u16) -> Row {
    Row {
        method,
        path,
        access,
        status,
        body: None,
    }
}

impl Row {
    fn with(mut self, body: Value) -> Self {
        self.body = Some(body);
        self
    }
}

/// What stands for a thing of this test is replaced: see [`Stage::fill`]. `{me}` makes a name the caller's own.
pub(crate) fn table() -> Vec<Row> {
    let money = json!({"amount": 255, "currency": "GBP"});
    vec![
        row("GET", "/health/live", Anyone, 200),
        row("GET", "/health/ready", Anyone, 200),
        row("GET", "/openapi.json", Anyone, 200),
        row("GET", "/asyncapi.json", Anyone, 200),
        row("GET", "/.well-known/jwks.json", Anyone, 200),
        row("POST", "/v1/auth/register", Anyone, 201)
            .with(json!({"email": "{me}@people.example", "password": "correct horse battery", "name": "Ann"})),
        row("POST", "/v1/auth/login", Anyone, 200)
            .with(json!({"email": crate::common::shop::ADMIN_EMAIL, "password": crate::common::shop::ADMIN_PASSWORD})),
        row("POST", "/v1/auth/refresh", Anyone, 200).with(json!({"refresh_token": "{refresh_token}"})),
        row("POST", "/v1/auth/logout", Anyone, 204).with(json!({"refresh_token": "never issued"})),
        row("POST", "/v1/auth/verify-email", Anyone, 422).with(json!({"token": "never issued"})),
        row("POST", "/v1/auth/password-reset", Anyone, 202).with(json!({"email": "{me}@people.example"})),
        row("POST", "/v1/auth/password-reset/confirm", Anyone, 422)
            .with(json!({"token": "never issued", "password": "correct horse battery"})),
        row("GET", "/v1/me", SignedIn, 200),
        row("GET", "/v1/me/sessions", SignedIn, 200),
        row("DELETE", "/v1/me/sessions?keep_current=true", SignedIn, 204),
        row("DELETE", "/v1/me/sessions/{session}", SignedIn, 404),
        row("PUT", "/v1/me/password", SignedIn, 403)
            .with(json!({"current_password": "never set", "new_password": "correct horse battery"})),
        row("POST", "/v1/me/email-verification", SignedIn, 202),
        row("GET", "/v1/me/second-factor", SignedIn, 200),
        row("POST", "/v1/me/second-factor", SignedIn, 403).with(json!({"password": "never set"})),
        row("POST", "/v1/me/second-factor/confirm", SignedIn, 404).with(json!({"code": "123456"})),
        row("POST", "/v1/me/second-factor/recovery-codes", SignedIn, 403)
            .with(json!({"password": "never set", "code": "123456"})),
        row("POST", "/v1/me/second-factor/disable", SignedIn, 403)
            .with(json!({"password": "never set", "code": "123456"})),
        row("GET", "/v1/users", Admin, 200),
        row("GET", "/v1/users/{user}", Admin, 200),
        row("PUT", "/v1/users/{user}/roles", Admin, 200).with(json!({"roles": ["customer"]})),
        row("POST", "/v1/users/{user}/disable", Admin, 200).with(json!({"reason": "stolen"})),
        row("POST", "/v1/users/{user}/enable", Admin, 200),
        row("GET", "/v1/users/{user}/sessions", Admin, 200),
        row("DELETE", "/v1/users/{user}/sessions", Admin, 204),
        row("DELETE", "/v1/users/{user}/second-factor", Admin, 204),
        // Without the form that it wants.
        row("POST", "/v1/auth/token", Anyone, 400),
        row("GET", "/v1/me/api-keys", SignedIn, 200),
        row("POST", "/v1/me/api-keys", SignedIn, 201)
            .with(json!({"name": "till", "scopes": [], "expires_at": "{tomorrow}"})),
        row("DELETE", "/v1/me/api-keys/{nothing}", SignedIn, 404),
        row("GET", "/v1/users/{user}/api-keys", Admin, 200),
        row("DELETE", "/v1/users/{user}/api-keys/{nothing}", Admin, 404),
        row("GET", "/v1/service-accounts", Admin, 200),
        row("POST", "/v1/service-accounts", Admin, 201).with(json!({"name": "robot-{me}", "roles": []})),
        row("GET", "/v1/service-accounts/{account}", Admin, 200),
        row("PUT", "/v1/service-accounts/{account}/roles", Admin, 200).with(json!({"roles": ["staff"]})),
        row("POST", "/v1/service-accounts/{account}/secrets", Admin, 201),
        row("DELETE", "/v1/service-accounts/{account}/secrets/{nothing}", Admin, 404),
        row("DELETE", "/v1/service-accounts/{account}", Admin, 204),
        row("GET", "/v1/roles", Admin, 200),
        row("POST", "/v1/roles", Admin, 201).with(json!({"name": "role-{me}", "permissions": []})),
        row("PUT", "/v1/roles/{role}", Admin, 200).with(json!({"permissions": ["reports:read"]})),
        row("DELETE", "/v1/roles/{role}", Admin, 204),
        row("GET", "/v1/audit", Admin, 200),
        row("GET", "/v1/products", Anyone, 200),
        row("GET", "/v1/products/{sku}", Anyone, 200),
        row("POST", "/v1/products", Staff, 201)
            .with(json!({"sku": "NEW-{me}", "name": "New", "price": money})),
        row("POST", "/v1/products/import", Staff, 200).with(json!("sku,name,price,currency,on_hand\nNEW,New,1,GBP,1\n")),
        row("PATCH", "/v1/products/{sku}", Staff, 200).with(json!({"name": "Heart"})),
        row("GET", "/v1/products/{sku}/stock", Staff, 200),
        row("POST", "/v1/products/{sku}/stock-movements", Staff, 201)
            .with(json!({"kind": "receipt", "quantity": 1, "reason": "found"})),
        row("DELETE", "/v1/products/{unloved}", Staff, 204),
        row("GET", "/v1/discount-codes", Staff, 200),
        row("POST", "/v1/discount-codes", Staff, 201)
            .with(json!({"code": "NEW-{me}", "kind": "percent", "value": 10})),
        row("GET", "/v1/discount-codes/{code}", Staff, 200),
        row("PATCH", "/v1/discount-codes/{code}", Staff, 200).with(json!({"value": 20})),
        row("DELETE", "/v1/discount-codes/{code}", Staff, 204),
        row("GET", "/v1/discount-code-batches", Staff, 200),
        row("POST", "/v1/discount-code-batches", Staff, 201)
            .with(json!({"prefix": "NEW-", "size": 1, "kind": "fixed", "value": 500})),
        row("GET", "/v1/discount-code-batches/{batch}", Staff, 200),
        row("GET", "/v1/discount-code-batches/{batch}/codes", Staff, 200),
        row("GET", "/v1/loyalty", SignedIn, 200),
        row("GET", "/v1/loyalty/{user}", Staff, 200),
        row("POST", "/v1/loyalty/{user}/adjustments", Staff, 201).with(json!({"points": 1, "reason": "sorry"})),
        row("POST", "/v1/orders", SignedIn, 201).with(json!({"lines": [{"sku": "HEART", "quantity": 1}]})),
        row("POST", "/v1/orders/quote", SignedIn, 200).with(json!({"lines": [{"sku": "HEART", "quantity": 1}]})),
        row("GET", "/v1/orders", SignedIn, 200),
        row("GET", "/v1/orders/{order}", Owner, 200),
        row("GET", "/v1/orders/{order}/history", Owner, 200),
        row("GET", "/v1/orders/{order}/events", Owner, 200),
        row("GET", "/v1/me/events", SignedIn, 200),
        row("GET", "/v1/dashboard", SignedIn, 200),
        row("PATCH", "/v1/orders/{order}", Owner, 200).with(json!({"lines": [{"sku": "HEART", "quantity": 1}]})),
        row("POST", "/v1/orders/{order}/incentive", Owner, 200).with(json!({"discount_code": "SUMMER"})),
        row("POST", "/v1/orders/{order}/cancel", Owner, 200).with(json!({"reason": "changed my mind"})),
        row("POST", "/v1/orders/{sent}/ship", Staff, 200),
        row("POST", "/v1/orders/{sent}/deliver", Staff, 200),
        row("POST", "/v1/orders/{sent}/returns", Staff, 200)
            .with(json!({"lines": [{"sku": "HEART", "quantity": 1}], "reason": "broken", "restock": false})),
        row("GET", "/v1/reports/orders", Staff, 200),
        row("GET", "/v1/reports/incentive-usage", Staff, 200),
        row("GET", "/v1/reports/customers", Staff, 200),
        row("GET", "/v1/reports/customers/{buyer}", Staff, 200),
        row("GET", "/v1/jobs", Admin, 200),
        row("GET", "/v1/jobs/summary", Admin, 200),
        row("GET", "/v1/jobs/{job}", Admin, 404),
        row("POST", "/v1/jobs/{job}/retry", Admin, 404),
        row("DELETE", "/v1/jobs/{job}", Admin, 404),
        row("GET", "/v1/errors", Admin, 200),
    ]
}

/// What the rows speak of.
struct Stage {
    customer: Client,
    other: Client,
    staff: Client,
    admin: Client,
    visitor: Client,
    user: Uuid,
    /// Who has ordered.
    buyer: Uuid,
    order: String,
    /// Confirmed, to be sent.
    sent: String,
    batch: String,
    account: String,
}

impl Stage {
    async fn set(shop: &Shop) -> Self {
        let admin = shop.admin().await;
        let customer = shop.customer().await;
        let staff = shop.staff(&admin).await;
        shop.product(&admin, "HEART", 255, 100).await;
        shop.product(&admin, "UNLOVED", 255, 0).await;
        let role = json!({"name": "temp", "permissions": []});
        admin.post("/v1/roles", role).await.expect(201);
        let code = json!({"code": "SPRING", "kind": "percent", "value": 10});
        admin.post("/v1/discount-codes", code).await.expect(201);
        let batch = json!({"prefix": "XMAS-", "size": 1, "kind": "percent", "value": 10});
        let batch = admin
            .post("/v1/discount-code-batches", batch)
            .await
            .expect(201);
        let account = json!({"name": "robot", "roles": []});
        let account = admin
            .post("/v1/service-accounts", account)
            .await
            .expect(201);
        let order = customer.order("1", &[("HEART", 1)]).await.expect(201);
        let order = order["id"].as_str().expect("an id").to_owned();
        let code = json!({"code": "SUMMER", "kind": "percent", "value": 10});
        admin.post("/v1/discount-codes", code).await.expect(201);
        let sent = customer.order("2", &[("HEART", 9)]).await.expect(201);
        let sent = sent["id"].as_str().expect("an id").to_owned();
        until("the order is confirmed", async || {
            let order = staff.get(&format!("/v1/orders/{sent}")).await;
            order.body["status"] == "confirmed"
        })
        .await;
        let path = format!("/v1/orders/{order}");
        until("the staff sees the order", async || {
            staff.get(&path).await.status == 200
        })
        .await;
        Self {
            other: shop.customer().await,
            visitor: shop.visitor(),
            user: shop.customer().await.id().await,
            buyer: customer.id().await,
            customer,
            staff,
            admin,
            order,
            sent,
            batch: batch["id"].as_str().expect("an id").to_owned(),
            account: account["id"].as_str().expect("an id").to_owned(),
        }
    }

    fn client(&self, who: Who) -> &Client {
        match who {
            Who::Visitor => &self.visitor,
            Who::Customer => &self.customer,
            Who::Other => &self.other,
            Who::Staff => &self.staff,
            Who::Admin => &self.admin,
        }
    }

    /// Replaces each placeholder.
    async fn fill(&self, text: &str, who: Who) -> String {
        let mut text = text
            .replace("{me}", &format!("{who:?}").to_lowercase())
            .replace("{user}", &self.user.to_string())
            .replace("{buyer}", &self.buyer.to_string())
            .replace("{role}", "temp")
            .replace("{sku}", "HEART")
            .replace("{unloved}", "UNLOVED")
            // Nobody's.
            .replace("{session}", &Uuid::nil().to_string())
            .replace("{order}", &self.order)
            .replace("{sent}", &self.sent)
            .replace("{code}", "SPRING")
            .replace("{batch}", &self.batch)
            .replace("{account}", &self.account)
            .replace("{nothing}", &Uuid::nil().to_string())
            .replace("{tomorrow}", &(Utc::now() + Days::new(1)).to_rfc3339())
            .replace("{job}", "01ARZ3NDEKTSV4RRFFQ69G5FAV");
        if text.contains("{refresh_token}") {
            let credentials = json!({
                "email": crate::common::shop::ADMIN_EMAIL, "password": crate::common::shop::ADMIN_PASSWORD,
            });
            let tokens = self
                .visitor
                .post("/v1/auth/login", credentials)
                .await
                .expect(200);
            text = text.replace(
                "{refresh_token}",
                tokens["refresh_token"].as_str().expect("a token"),
            );
        }
        text
    }

    async fn status(&self, row: &Row, who: Who) -> u16 {
        let method: Method = row.method.parse().expect("a method");
        let mut request = self
            .client(who)
            .request(method, &self.fill(row.path, who).await)
            // Needed by some, in nobody's way elsewhere.
            .header("idempotency-key", Uuid::now_v7().to_string())
            .header("if-match", "*");
        if let Some(body) = &row.body {
            let body: Value =
                serde_json::from_str(&self.fill(&body.to_string(), who).await).expect("JSON");
            request = match body {
                Value::String(file) => request.header("content-type", "text/csv").body(file),
                body => request.json(&body),
            };
        }
        let answer = Client::send(request).await;
        if answer.status.is_client_error() {
            let content_type = answer.header("content-type");
            assert_eq!(
                content_type,
                Some("application/problem+json"),
                "{row} by {who:?}"
            );
        }
        answer.status.as_u16()
    }
}

/// A path whose parameters have no names, without a query.
pub(crate) fn template(path: &str) -> String {
    let (path, _) = path.split_once('?').unwrap_or((path, ""));
    path.split('/')
        .map(|segment| {
            if segment.starts_with('{') {
                "{}"
            } else {
                segment
            }
        })
        .collect::<Vec<_>>()
        .join("/")
}

/// The statuses that the document names for each operation, by method and template.
fn documented(document: &Value) -> BTreeMap<String, BTreeSet<u16>> {
    let mut documented = BTreeMap::new();
    for (path, operations) in document["paths"].as_object().expect("paths") {
        for (method, operation) in operations.as_object().expect("operations") {
            if method == "parameters" {
                continue;
            }
            let responses = operation["responses"].as_object().expect("responses");
            let statuses = responses
                .keys()
                .map(|status| status.parse().expect("a status"));
            documented.insert(
                format!("{} {}", method.to_uppercase(), template(path)),
                statuses.collect(),
            );
        }
    }
    documented
}

#[tokio::test(flavor = "multi_thread")]
async fn every_operation_serves_whom_it_should_and_nobody_else() {
    let shop = Shop::open().await;
    let stage = Stage::set(&shop).await;
    let document = shop.visitor().get("/openapi.json").await.expect(200);
    let documented = documented(&document);
    let mut wrong = Vec::new();
    for row in table() {
        let told = documented.get(&format!("{} {}", row.method, template(row.path)));
        for who in ALL {
            let expected = row.access.refusal(who).unwrap_or(row.status);
            let status = stage.status(&row, who).await;
            // What the one before deleted is gone, and that is told to nobody but who may know.
            let gone = row.method == "DELETE" && status == 404 && row.access.refusal(who).is_none();
            if status != expected && !gone {
                wrong.push(format!("{row} by {who:?}: {status}, not {expected}"));
            }
            if told.is_some_and(|told| !told.contains(&status)) {
                wrong.push(format!("{row} by {who:?}: {status} is not in the document"));
            }
        }
    }
    assert!(wrong.is_empty(), "\n{}\n", wrong.join("\n"));
    shop.check_invariants().await;
    shop.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_operation_stands_in_the_table() {
    let shop = Shop::open().await;
    let document = shop.visitor().get("/openapi.json").await.expect(200);
    let served: BTreeSet<String> = documented(&document).into_keys().collect();
    let listed: BTreeSet<String> = table()
        .iter()
        .map(|row| format!("{} {}", row.method, template(row.path)))
        .collect();
    let missing: Vec<_> = served.difference(&listed).collect();
    assert!(
        missing.is_empty(),
        "who may call these? Add them to table() in tests/identity/permissions.rs: {missing:#?}"
    );
    let gone: Vec<_> = listed.difference(&served).collect();
    assert!(
        gone.is_empty(),
        "no such operation in /openapi.json: {gone:#?}"
    );
    shop.close().await;
}
