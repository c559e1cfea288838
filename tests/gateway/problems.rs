//! Whatever goes wrong, the answer is a problem document (RFC 9457), wherever it was found out.

use reqwest::Method;
use serde_json::{Value, json};

use crate::common::{Answer, Client, Shop};

/// Checks the form, too.
#[track_caller]
fn assert_problem(answer: Answer, status: u16, kind: &str) -> Value {
    let request_id = answer
        .header("x-request-id")
        .expect("a request id")
        .to_owned();
    let problem = answer.expect_problem(status, kind);
    assert_eq!(problem["status"], status);
    assert_eq!(problem["instance"], format!("urn:request:{request_id}"));
    for member in ["title", "detail"] {
        let text = problem[member].as_str().unwrap_or_default();
        assert!(!text.is_empty(), "{member} of {problem:#}");
    }
    problem
}

#[tokio::test(flavor = "multi_thread")]
async fn every_refusal_is_a_problem_document() {
    let shop = Shop::open().await;
    let (visitor, admin) = (shop.visitor(), shop.admin().await);
    shop.product(&admin, "HEART", 255, 1).await;
    let buyer = shop.customer().await;

    let nowhere = visitor.get("/v1/nothing").await;
    assert_problem(nowhere, 404, "not-found");
    let above = visitor.get("/").await;
    assert_problem(above, 404, "not-found");
    let no_product = visitor.get("/v1/products/NONE").await;
    assert_problem(no_product, 404, "not-found");
    let no_id = buyer.get("/v1/orders/no-uuid").await;
    assert_problem(no_id, 404, "not-found");
    let wrong_method = buyer.delete("/v1/orders").await;
    assert_problem(wrong_method, 405, "method-not-allowed");
    let nobody = visitor.get("/v1/orders").await;
    assert_problem(nobody, 401, "unauthenticated");
    let not_allowed = buyer.get("/v1/users").await;
    assert_problem(not_allowed, 403, "forbidden");
    let too_many = buyer.order("1", &[("HEART", 2)]).await;
    let problem = assert_problem(too_many, 409, "insufficient-stock");
    assert_eq!(problem["items"][0]["sku"], "HEART");
    assert_eq!(problem["items"][0]["available"], 1);
    let bad_page = visitor.get("/v1/products?limit=1000").await;
    assert_problem(bad_page, 422, "validation");
    let unknown = buyer.order("2", &[("NONE", 1)]).await;
    let problem = assert_problem(unknown, 422, "validation");
    assert_eq!(problem["errors"][0]["field"], "lines[0].sku");
    shop.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_cannot_be_used_is_a_problem_too() {
    let shop = Shop::open().await;
    let buyer = shop.customer().await;
    let post = |body: &str, content_type: &str| {
        Client::send(
            buyer
                .request(Method::POST, "/v1/orders")
                .header("idempotency-key", "1")
                .header("content-type", content_type)
                .body(body.to_owned()),
        )
    };
    for (body, content_type) in [
        ("", "application/json"),
        ("{\"lines\": [", "application/json"),
        ("\u{0}", "application/json"),
    ] {
        assert_problem(post(body, content_type).await, 400, "bad-request");
    }
    for (body, content_type) in [
        ("lines=HEART", "application/x-www-form-urlencoded"),
        ("<lines/>", "application/xml"),
        // What a page may send to another origin without asking.
        ("{\"lines\": []}", "text/plain"),
    ] {
        let answer = post(body, content_type).await;
        assert_problem(answer, 415, "unsupported-media-type");
    }
    for (body, field) in [
        ("[]", "body"),
        ("{}", "lines"),
        ("{\"lines\": 1}", "lines"),
        ("{\"lines\": [{\"sku\": \"HEART\"}]}", "lines[0].quantity"),
        (
            "{\"lines\": [{\"sku\": 1, \"quantity\": 1}]}",
            "lines[0].sku",
        ),
        (
            "{\"lines\": [{\"sku\": \"HEART\", \"quantity\": \"1\"}]}",
            "lines[0].quantity",
        ),
        ("{\"lines\": []}", "lines"),
    ] {
        let problem = assert_problem(post(body, "application/json").await, 422, "validation");
        assert_eq!(problem["errors"][0]["field"], field, "{body}: {problem:#}");
    }
    let keyless = json!({"lines": [{"sku": "HEART", "quantity": 1}]});
    assert_problem(
        buyer.post("/v1/orders", keyless).await,
        400,
        "idempotency-key-required",
    );
    shop.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_is_too_long_is_not_passed_on() {
    let shop = Shop::open().await;
    let password = "x".repeat(2 * 1024 * 1024);
    let body = json!({"email": "ann@shop.example", "password": password, "name": "Ann"});
    let answer = shop.visitor().post("/v1/auth/register", body).await;
    assert_problem(answer, 413, "payload-too-large");
    shop.close().await;
}
