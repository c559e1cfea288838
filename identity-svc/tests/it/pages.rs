use reqwest::Method;

use crate::support::App;

#[tokio::test]
async fn the_pages_that_mails_lead_to_run_nothing_but_our_own_files() {
    let app = App::start().await;
    for (path, media_type) in [
        ("/account/verify-email", "text/html; charset=utf-8"),
        ("/account/reset-password", "text/html; charset=utf-8"),
        ("/account/account.js", "text/javascript; charset=utf-8"),
        ("/account/account.css", "text/css; charset=utf-8"),
    ] {
        let response = app.request(Method::GET, path).send().await.unwrap();
        assert_eq!(response.status(), 200, "{path}");
        let headers = response.headers();
        assert_eq!(headers["content-type"], media_type);
        assert_eq!(headers["referrer-policy"], "no-referrer");
        assert_eq!(headers["x-content-type-options"], "nosniff");
        let policy = headers["content-security-policy"].to_str().unwrap();
        for rule in [
            "default-src 'none'",
            "form-action 'none'",
            "frame-ancestors 'none'",
        ] {
            assert!(policy.contains(rule), "{path}: {policy}");
        }
        let text = response.text().await.unwrap();
        // Which the policy would refuse.
        for inline in ["<style", " style=", "<script>", " onclick="] {
            assert!(!text.contains(inline), "{path} has {inline}");
        }
    }
}
