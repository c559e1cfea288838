use proto::identity::v1::GetUserRequest;
use serde_json::json;
use tonic::Code;
use uuid::Uuid;

use crate::support::{ADMIN_EMAIL, App};

#[tokio::test]
async fn users_are_listed_page_by_page() {
    let app = App::start().await;
    for name in ["a", "b", "c", "d"] {
        app.register(&format!("{name}@example.com"))
            .await
            .expect(201);
    }
    let admin = app.admin().await;
    let mut emails = Vec::new();
    let mut sizes = Vec::new();
    let mut path = "/v1/users?limit=2".to_owned();
    loop {
        let page = app.get(&admin, &path).await.expect(200);
        let items = page["items"].as_array().unwrap();
        sizes.push(items.len());
        emails.extend(
            items
                .iter()
                .map(|user| user["email"].as_str().unwrap().to_owned()),
        );
        match page["next"].as_str() {
            Some(next) => path = format!("/v1/users?limit=2&after={next}"),
            None => break,
        }
    }
    assert_eq!(sizes, [2, 2, 1]);
    assert_eq!(
        emails,
        [
            ADMIN_EMAIL,
            "a@example.com",
            "b@example.com",
            "c@example.com",
            "d@example.com"
        ]
    );

    let found = app
        .get(&admin, "/v1/users?email=C@example.com")
        .await
        .expect(200);
    assert_eq!(found["items"].as_array().unwrap().len(), 1);
    assert_eq!(found["items"][0]["email"], "c@example.com");

    app.get(&admin, "/v1/users?limit=0")
        .await
        .invalid(&["limit"]);
    app.get(&admin, "/v1/users?limit=101")
        .await
        .invalid(&["limit"]);
    app.get(&admin, "/v1/users?limit=x")
        .await
        .invalid(&["limit"]);
    app.get(&admin, "/v1/users?after=x")
        .await
        .invalid(&["after"]);
    app.get(&admin, "/v1/users?email=x")
        .await
        .invalid(&["email"]);
}

#[tokio::test]
async fn a_user_is_found_by_id() {
    let app = App::start().await;
    let (id, _) = app.customer("ann@example.com").await;
    let admin = app.admin().await;
    let user = app
        .get(&admin, &format!("/v1/users/{id}"))
        .await
        .expect(200);
    assert_eq!(user["email"], "ann@example.com");
    assert_eq!(user["roles"], json!(["customer"]));
    for nobody in [Uuid::now_v7().to_string(), "x".to_owned()] {
        app.get(&admin, &format!("/v1/users/{nobody}"))
            .await
            .problem(404, "not-found");
    }
}

#[tokio::test]
async fn other_services_get_a_user_over_grpc() {
    let app = App::start().await;
    let (id, _) = app.customer("ann@example.com").await;
    let get = async |user_id: &str| {
        let request = GetUserRequest {
            user_id: user_id.to_owned(),
        };
        app.grpc()
            .get_user(request)
            .await
            .map(tonic::Response::into_inner)
    };
    let user = get(&id).await.unwrap();
    assert_eq!(
        (user.id, user.email.as_str(), user.name.as_str()),
        (id, "ann@example.com", "Ann Lee")
    );
    assert_eq!(user.roles, ["customer"]);
    assert!(user.permissions.is_empty());

    let unknown = get(&Uuid::now_v7().to_string()).await.unwrap_err();
    assert_eq!(unknown.code(), Code::NotFound);
    assert_eq!(get("x").await.unwrap_err().code(), Code::InvalidArgument);
}
