use serde_json::json;

use crate::support::{ADMIN_EMAIL, App};

#[tokio::test]
async fn a_password_that_is_guessed_easily_is_refused_with_advice() {
    let app = App::start().await;
    for (password, advice) in [
        ("passwordpassword", "Repeats"),
        ("123456789012345", "another word"),
        ("abcdefghijklmnop", "Sequences"),
        ("easyordereasyorder", "Repeats"),
        ("annleeannleeannlee", "Repeats"),
        ("ann@lee.example", "another word"),
    ] {
        let body = json!({"email": "ann@lee.example", "password": password, "name": "Ann Lee"});
        let problem = app
            .post("/v1/auth/register", body)
            .await
            .problem(422, "validation");
        assert_eq!(problem["errors"][0]["field"], "password", "{problem}");
        let detail = problem["errors"][0]["detail"].as_str().unwrap();
        assert!(detail.contains(advice), "{password}: {detail}");
    }
    let accounts: Vec<String> = sqlx::query_scalar("select email from users")
        .fetch_all(&app.db.pool)
        .await
        .unwrap();
    assert_eq!(accounts, [ADMIN_EMAIL]);
}
