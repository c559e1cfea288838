use futures::future::join_all;
use uuid::Uuid;

use crate::{
    factors::{EMAIL, change, disable, forget_steps, guarded, remove, reset, sign_in, state},
    support::{App, PASSWORD, access_token},
};

/// Long enough beside a second factor only.
const SHORT: &str = "fjord-lamp";
const NEW: &str = "staple battery horse correct";

#[tokio::test]
async fn a_link_resets_no_password_without_the_code() {
    let app = App::start().await;
    let owner = guarded(&app).await;
    let link = app.prepare_mail(&owner.id, "password_reset").await.token;
    for missing in [None, Some("")] {
        reset(&app, &link, NEW, missing)
            .await
            .problem(401, "second-factor-required");
    }
    reset(&app, &link, NEW, Some("000000"))
        .await
        .problem(401, "invalid-code");
    let code = owner.app.code(0);
    // A password that is not acceptable costs no code.
    for weak in ["short", "password"] {
        reset(&app, &link, weak, Some(&code))
            .await
            .invalid(&["password"]);
    }
    let tokens = reset(&app, &link, NEW, Some(&code)).await.expect(200);
    app.get(&access_token(&tokens), "/v1/me").await.expect(200);
    app.get(&owner.token, "/v1/me").await.expect(401);
    sign_in(&app, NEW, &owner.recovery_codes[0])
        .await
        .expect(200);
    sign_in(&app, PASSWORD, &owner.recovery_codes[1])
        .await
        .problem(401, "invalid-credentials");
}

#[tokio::test]
async fn a_link_is_good_for_five_wrong_codes() {
    let app = App::start().await;
    let owner = guarded(&app).await;
    let link = app.prepare_mail(&owner.id, "password_reset").await.token;
    let answers = join_all((0..20).map(|_| reset(&app, &link, NEW, Some("000000")))).await;
    let looked_at = answers.iter().filter(|answer| answer.status == 401);
    assert_eq!(looked_at.count(), 5, "{answers:?}");
    for code in [None, Some(owner.recovery_codes[0].as_str())] {
        reset(&app, &link, NEW, code)
            .await
            .problem(422, "invalid-token");
    }
    let link = app.prepare_mail(&owner.id, "password_reset").await.token;
    reset(&app, &link, NEW, Some(&owner.recovery_codes[0]))
        .await
        .expect(200);
}

#[tokio::test]
async fn a_short_password_is_good_beside_a_second_factor_only() {
    let app = App::start().await;
    let owner = guarded(&app).await;
    change(&app, &owner.token, PASSWORD, "7 chars")
        .await
        .invalid(&["new_password"]);
    change(&app, &owner.token, PASSWORD, SHORT)
        .await
        .expect(204);
    sign_in(&app, SHORT, &owner.app.code(0)).await.expect(200);
    forget_steps(&app).await;
    disable(&app, &owner.token, SHORT, &owner.app.code(0))
        .await
        .problem(409, "password-too-short");
    assert!(state(&app, &owner.token).await.0);

    change(&app, &owner.token, SHORT, NEW).await.expect(204);
    disable(&app, &owner.token, NEW, &owner.recovery_codes[0])
        .await
        .expect(204);
    change(&app, &owner.token, NEW, SHORT)
        .await
        .invalid(&["new_password"]);
    let link = app.prepare_mail(&owner.id, "password_reset").await.token;
    reset(&app, &link, SHORT, None).await.invalid(&["password"]);
    reset(&app, &link, PASSWORD, None).await.expect(200);
}

#[tokio::test]
async fn a_manager_takes_it_away_from_who_has_lost_everything() {
    let app = App::start().await;
    let owner = guarded(&app).await;
    let admin = app.admin().await;
    remove(&app, &owner.token, &owner.id)
        .await
        .problem(403, "forbidden");
    let nobody = Uuid::now_v7().to_string();
    remove(&app, &admin, &nobody)
        .await
        .problem(404, "not-found");
    remove(&app, &admin, &owner.id).await.expect(204);
    app.get(&owner.token, "/v1/me").await.expect(401);
    let token = access_token(&app.login(EMAIL, PASSWORD).await.expect(200));
    assert_eq!(state(&app, &token).await, (false, 0));
    // Without one there is nothing to do.
    remove(&app, &admin, &owner.id).await.expect(204);
    app.get(&token, "/v1/me").await.expect(200);
    assert_eq!(
        app.mails_to(&owner.id).await[2..],
        ["second_factor_disabled"]
    );
    let by: Vec<Option<Uuid>> = sqlx::query_scalar(
        "select actor_id from audit_log where action = 'second_factor.disabled'",
    )
    .fetch_all(&app.db.pool)
    .await
    .unwrap();
    let me = app.get(&admin, "/v1/me").await.expect(200);
    assert_eq!(by.len(), 1);
    assert_eq!(by[0].unwrap().to_string(), me["id"]);
}

#[tokio::test]
async fn a_short_password_goes_with_a_second_factor_that_is_taken_away() {
    let app = App::start().await;
    let owner = guarded(&app).await;
    change(&app, &owner.token, PASSWORD, SHORT)
        .await
        .expect(204);
    remove(&app, &app.admin().await, &owner.id)
        .await
        .expect(204);
    app.login(EMAIL, SHORT)
        .await
        .problem(401, "invalid-credentials");
    assert_eq!(
        app.mails_to(&owner.id).await[3..],
        ["second_factor_disabled", "password_reset"]
    );
    let link = app.prepare_mail(&owner.id, "password_reset").await.token;
    reset(&app, &link, NEW, None).await.expect(200);
}

#[tokio::test]
async fn a_manager_does_not_get_rid_of_the_own_one_so() {
    let app = App::start().await;
    let owner = guarded(&app).await;
    app.set_roles(&app.admin().await, &owner.id, &["admin"])
        .await
        .expect(200);
    remove(&app, &owner.token, &owner.id)
        .await
        .problem(409, "own-second-factor");
    assert!(state(&app, &owner.token).await.0);
}
