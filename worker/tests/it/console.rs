//! The operators' page, as far as it can be told without a browser.

use reqwest::Method;

use crate::support::{Rest, database};

#[tokio::test]
async fn the_page_comes_without_data_and_may_run_nothing_but_its_own_files() {
    let database = database().await;
    let rest = Rest::start(&database.pool).await;
    for (path, media_type) in [
        ("/console", "text/html; charset=utf-8"),
        ("/console/app.js", "text/javascript; charset=utf-8"),
        ("/console/app.css", "text/css; charset=utf-8"),
    ] {
        let response = rest.request(Method::GET, path).send().await.unwrap();
        assert_eq!(response.status(), 200, "{path}");
        assert_eq!(response.headers()["content-type"], media_type);
        let policy = response.headers()["content-security-policy"]
            .to_str()
            .unwrap()
            .to_owned();
        assert!(
            policy.starts_with("default-src 'none'; script-src 'self'; style-src 'self';"),
            "{policy}"
        );
        let body = response.text().await.unwrap();
        assert!(
            !body.contains("http://") && !body.contains("https://"),
            "{path} refers to another host"
        );
        assert!(
            !body.contains("innerHTML") && !body.contains("style=\""),
            "{path}"
        );
    }
    let page = rest
        .request(Method::GET, "/console")
        .send()
        .await
        .unwrap()
        .text()
        .await
        .unwrap();
    assert_eq!(page.matches("<script").count(), 1);
    assert!(page.contains(r#"<script src="/console/app.js" type="module"></script>"#));
    for expected in [
        "data-state=\"retrying\"",
        "<option>order_confirmation_mail</option>",
    ] {
        assert!(page.contains(expected), "{expected}");
    }
    rest.stop().await;
}
