use serde_json::Value;

use crate::system::System;

async fn text(system: &System, path: &str) -> (String, String) {
    let answer = system.get(path).send().await.unwrap();
    assert_eq!(answer.status(), 200, "{path}");
    let header = |name: &str| answer.headers()[name].to_str().unwrap().to_owned();
    assert!(header("content-security-policy").starts_with("default-src 'none'"));
    let media_type = header("content-type");
    (media_type, answer.text().await.unwrap())
}

#[tokio::test]
async fn the_events_are_served_as_a_document_and_as_a_page() {
    let system = System::start().await;
    let (media_type, json) = text(&system, "/asyncapi.json").await;
    assert_eq!(media_type, "application/json");
    let document: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(document["asyncapi"], "3.0.0");

    let (media_type, page) = text(&system, "/asyncapi").await;
    assert_eq!(media_type, "text/html; charset=utf-8");
    let kinds = document["channels"].as_object().unwrap().keys();
    for anchor in kinds.chain(
        document["components"]["schemas"]
            .as_object()
            .unwrap()
            .keys(),
    ) {
        assert!(page.contains(&format!("id=\"{anchor}\"")), "{anchor}");
    }
    assert!(!page.contains("<script") && !page.contains("style="));
    for (at, _) in page.match_indices("href=\"#") {
        let target = page[at + 7..].split('"').next().unwrap();
        assert!(
            page.contains(&format!("id=\"{target}\"")),
            "#{target} leads nowhere"
        );
    }
    let (media_type, _) = text(&system, "/asyncapi.css").await;
    assert_eq!(media_type, "text/css; charset=utf-8");
}
