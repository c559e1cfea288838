//! Somebody with a second factor, and what they do with it.

use std::time::Duration;

use chrono::Utc;
use reqwest::Method;
use serde_json::{Value, json};
use totp_rs::{Builder, Secret};

use crate::support::{Answer, App, PASSWORD};

pub const EMAIL: &str = "ann@example.com";
pub const FACTOR: &str = "/v1/me/second-factor";
const STEP: i64 = 30;

/// Somebody whose account a second factor guards.
pub struct Guarded {
    pub id: String,
    /// Of the session that made it so.
    pub token: String,
    pub app: Authenticator,
    pub recovery_codes: Vec<String>,
}

/// The owner's app.
#[derive(Clone)]
pub struct Authenticator {
    pub secret: String,
}

impl Authenticator {
    /// What it shows when its clock is so many steps fast.
    pub fn code(&self, fast: i64) -> String {
        let secret = Secret::try_from_base32(&self.secret).unwrap();
        let totp = Builder::new().with_secret(secret).build().unwrap();
        let time = Utc::now().timestamp() + fast * STEP;
        totp.generate(time.unsigned_abs()).to_string()
    }
}

/// Waits until the step at hand will last for some seconds yet.
pub async fn steady() {
    let left = STEP - Utc::now().timestamp() % STEP;
    if left < 8 {
        tokio::time::sleep(Duration::from_secs(left.unsigned_abs())).await;
    }
}

/// As if the codes that were used were never.
pub async fn forget_steps(app: &App) {
    app.execute("update second_factors set last_step = 0").await;
}

pub async fn begin(app: &App, token: &str) -> Authenticator {
    let body = json!({"password": PASSWORD});
    let begun = app.send(token, Method::POST, FACTOR, body).await;
    let begun = begun.expect(201);
    let secret = begun["secret"].as_str().unwrap().to_owned();
    assert_eq!(
        begun["uri"],
        format!("otpauth://totp/EasyOrder:ann%40example.com?secret={secret}&issuer=EasyOrder")
    );
    Authenticator { secret }
}

pub async fn post(app: &App, token: &str, what: &str, body: Value) -> Answer {
    let path = format!("{FACTOR}/{what}");
    app.send(token, Method::POST, &path, body).await
}

pub async fn confirm(app: &App, token: &str, code: &str) -> Answer {
    post(app, token, "confirm", json!({"code": code})).await
}

pub async fn renew(app: &App, token: &str, code: &str) -> Answer {
    let body = json!({"password": PASSWORD, "code": code});
    post(app, token, "recovery-codes", body).await
}

pub async fn disable(app: &App, token: &str, password: &str, code: &str) -> Answer {
    let body = json!({"password": password, "code": code});
    post(app, token, "disable", body).await
}

pub async fn sign_in(app: &App, password: &str, code: &str) -> Answer {
    let body = json!({"email": EMAIL, "password": password, "code": code});
    app.post("/v1/auth/login", body).await
}

pub async fn change(app: &App, token: &str, current: &str, new: &str) -> Answer {
    let body = json!({"current_password": current, "new_password": new});
    app.send(token, Method::PUT, "/v1/me/password", body).await
}

pub async fn reset(app: &App, token: &str, password: &str, code: Option<&str>) -> Answer {
    let body = json!({"token": token, "password": password, "code": code});
    app.post("/v1/auth/password-reset/confirm", body).await
}

pub async fn remove(app: &App, token: &str, user: &str) -> Answer {
    let path = format!("/v1/users/{user}/second-factor");
    app.send(token, Method::DELETE, &path, json!({})).await
}

pub fn recovery_codes(answer: &Value) -> Vec<String> {
    let codes = answer["recovery_codes"].as_array().unwrap();
    codes
        .iter()
        .map(|code| code.as_str().unwrap().to_owned())
        .collect()
}

/// A customer with a second factor; the code that confirmed it may be used again.
pub async fn guarded(app: &App) -> Guarded {
    let (id, token) = app.customer(EMAIL).await;
    let authenticator = begin(app, &token).await;
    let codes = confirm(app, &token, &authenticator.code(0)).await;
    forget_steps(app).await;
    Guarded {
        id,
        token,
        app: authenticator,
        recovery_codes: recovery_codes(&codes.expect(200)),
    }
}

pub async fn state(app: &App, token: &str) -> (bool, i64) {
    let factor = app.get(token, FACTOR).await.expect(200);
    let enabled = factor["enabled"].as_bool().unwrap();
    assert_eq!(factor["confirmed_at"].is_string(), enabled, "{factor}");
    (enabled, factor["recovery_codes_left"].as_i64().unwrap())
}
