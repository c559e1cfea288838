use std::collections::{BTreeMap, BTreeSet};

use easyorder::docs;
use gateway::routing::Access;
use serde_json::Value;

use crate::common::{Client, Shop};

/// The calls that the contract promises.
const PROMISED: &[(&str, &str)] = &[
    ("post", "/v1/auth/register"),
    ("post", "/v1/auth/login"),
    ("post", "/v1/auth/refresh"),
    ("post", "/v1/auth/logout"),
    ("get", "/.well-known/jwks.json"),
    ("get", "/v1/me"),
    ("get", "/v1/users"),
    ("get", "/v1/users/{}"),
    ("put", "/v1/users/{}/roles"),
    ("get", "/v1/roles"),
    ("post", "/v1/roles"),
    ("put", "/v1/roles/{}"),
    ("delete", "/v1/roles/{}"),
    ("get", "/v1/products"),
    ("get", "/v1/products/{}"),
    ("post", "/v1/products"),
    ("patch", "/v1/products/{}"),
    ("delete", "/v1/products/{}"),
    ("get", "/v1/products/{}/stock"),
    ("post", "/v1/products/{}/stock-movements"),
    ("get", "/v1/discount-codes"),
    ("post", "/v1/discount-codes"),
    ("get", "/v1/discount-codes/{}"),
    ("patch", "/v1/discount-codes/{}"),
    ("delete", "/v1/discount-codes/{}"),
    ("get", "/v1/orders"),
    ("post", "/v1/orders"),
    ("get", "/v1/orders/{}"),
    ("post", "/v1/orders/{}/cancel"),
    ("get", "/v1/jobs"),
    ("get", "/v1/jobs/summary"),
    ("get", "/v1/jobs/{}"),
    ("delete", "/v1/jobs/{}"),
    ("post", "/v1/jobs/{}/retry"),
    ("get", "/v1/errors"),
    ("get", "/health/live"),
    ("get", "/health/ready"),
];

/// A path whose parameters have no names.
fn template(path: &str) -> String {
    let nameless = |segment| match segment {
        segment if str::starts_with(segment, '{') => "{}",
        segment => segment,
    };
    path.split('/').map(nameless).collect::<Vec<_>>().join("/")
}

/// By method and template.
fn operations(document: &Value) -> BTreeMap<(String, String), &Value> {
    let paths = document["paths"].as_object().expect("paths");
    paths
        .iter()
        .flat_map(|(path, operations)| {
            let operations = operations.as_object().expect("operations");
            operations
                .iter()
                .map(move |(method, operation)| ((method.clone(), template(path)), operation))
        })
        .collect()
}

/// Every `$ref` in it.
fn references(value: &Value) -> BTreeSet<String> {
    match value {
        Value::Object(members) => members
            .iter()
            .flat_map(|(name, value)| match (name.as_str(), value) {
                ("$ref", Value::String(target)) => [target.clone()].into(),
                _ => references(value),
            })
            .collect(),
        Value::Array(items) => items.iter().flat_map(references).collect(),
        _ => BTreeSet::new(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_document_describes_the_whole_system() {
    let shop = Shop::open().await;
    let document = shop.visitor().get("/openapi.json").await.expect(200);
    let operations = operations(&document);
    for (method, path) in PROMISED {
        let operation = operations.get(&((*method).to_owned(), (*path).to_owned()));
        assert!(operation.is_some(), "{method} {path} is missing");
    }

    let ids: Vec<&str> = operations
        .values()
        .filter_map(|operation| operation["operationId"].as_str())
        .collect();
    assert_eq!(
        ids.iter().collect::<BTreeSet<_>>().len(),
        ids.len(),
        "{ids:?}"
    );
    assert_eq!(ids.len(), operations.len(), "each operation has an id");

    let references = references(&document);
    assert!(!references.is_empty());
    for reference in references {
        let pointer = reference
            .strip_prefix('#')
            .expect("a reference into the document");
        assert!(
            document.pointer(pointer).is_some(),
            "{reference} leads nowhere"
        );
    }
    shop.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_document_says_where_one_has_to_sign_in() {
    let shop = Shop::open().await;
    let document = shop.visitor().get("/openapi.json").await.expect(200);
    let schemes = document["components"]["securitySchemes"]
        .as_object()
        .expect("schemes");
    let routes = docs::routes().expect("the gateway's own file");
    let mut checked = 0;
    for ((method, path), operation) in operations(&document) {
        let route = routes.routes.iter().find(|route| {
            template(&route.path) == path
                && route
                    .methods
                    .iter()
                    .any(|own| own.as_str().eq_ignore_ascii_case(&method))
        });
        let Some(route) = route else {
            // The gateway's own pages.
            continue;
        };
        let required = operation["security"].as_array().map_or(0, Vec::len);
        match route.access {
            Access::SignedIn => {
                assert_eq!(required, 1, "{method} {path}");
                for name in operation["security"][0]
                    .as_object()
                    .expect("a requirement")
                    .keys()
                {
                    assert_eq!(schemes[name]["scheme"], "bearer", "{method} {path}");
                }
                let refusal = &operation["responses"]["401"];
                assert!(!refusal.is_null(), "{method} {path} does not tell of 401");
                let told = ["x-access", "x-all-with"]
                    .iter()
                    .any(|extension| refusal[extension].is_string());
                assert!(told, "{method} {path} does not tell whom it serves");
            }
            _ => assert_eq!(required, 0, "{method} {path}"),
        }
        checked += 1;
    }
    assert!(checked > 20, "{checked}");
    shop.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_refusal_is_described_as_a_problem_document() {
    let shop = Shop::open().await;
    let document = shop.visitor().get("/openapi.json").await.expect(200);
    for ((method, path), operation) in operations(&document) {
        let responses = operation["responses"].as_object().expect("responses");
        for (status, response) in responses
            .iter()
            .filter(|(status, _)| status.as_str() >= "400")
        {
            // The probe answers with what is amiss.
            if path == "/health/ready" {
                continue;
            }
            let content = response["content"].as_object().expect("content");
            let types: Vec<_> = content.keys().collect();
            assert_eq!(
                types,
                ["application/problem+json"],
                "{method} {path}: {status}"
            );
        }
    }
    shop.close().await;
}

/// What a page loads: the values of `src` and `href`.
fn assets(html: &str) -> Vec<&str> {
    let attribute = |name: &'static str| {
        html.split(name)
            .skip(1)
            .filter_map(|rest| rest.split('"').next())
    };
    attribute("src=\"").chain(attribute("href=\"")).collect()
}

async fn text(client: &Client, path: &str) -> (u16, String, String) {
    let answer = client.get(path).await;
    let content_type = answer.header("content-type").unwrap_or_default().to_owned();
    let text = match answer.body {
        Value::String(text) => text,
        json => json.to_string(),
    };
    (answer.status.as_u16(), content_type, text)
}

#[tokio::test(flavor = "multi_thread")]
async fn swagger_ui_loads_nothing_from_elsewhere() {
    let shop = Shop::open().await;
    let at = |addr: std::net::SocketAddr| Client::new(&format!("http://{addr}"));
    let doors = [
        shop.visitor(),
        at(shop.configs.identity.http_addr),
        at(shop.configs.inventory.http_addr),
        at(shop.configs.order.http_addr),
        at(shop.configs.worker.http_addr),
    ];
    for door in doors {
        let (status, content_type, html) = text(&door, "/docs/").await;
        assert_eq!(status, 200);
        assert!(content_type.starts_with("text/html"), "{content_type}");
        let assets = assets(&html);
        assert!(assets.len() >= 4, "{html}");
        for asset in assets {
            assert!(!asset.contains("//"), "{asset} comes from elsewhere");
            let (status, _, body) =
                text(&door, &format!("/docs/{}", asset.trim_start_matches("./"))).await;
            assert_eq!(status, 200, "{asset}");
            assert!(!body.is_empty(), "{asset}");
        }
        let (_, _, script) = text(&door, "/docs/swagger-initializer.js").await;
        assert!(script.contains("/openapi.json"), "{script}");
        assert!(!script.contains("https://"), "{script}");
        let document = door.get("/openapi.json").await.expect(200);
        assert!(!operations(&document).is_empty());
        assert_eq!(door.get("/docs").await.status, 200);
    }
    shop.close().await;
}
