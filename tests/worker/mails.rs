use serde_json::{Value, json};

use crate::common::{Shop, mails, until};

/// The state of each job of this kind.
async fn states(shop: &Shop, kind: &str) -> Vec<String> {
    let admin = shop.admin().await;
    let jobs = admin
        .get(&format!("/v1/jobs?kind={kind}"))
        .await
        .expect(200);
    let items = jobs["items"].as_array().expect("items");
    items
        .iter()
        .filter_map(|job| job["state"].as_str().map(str::to_owned))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_yields_one_mail_that_tells_of_it() {
    let shop = Shop::open().await;
    let admin = shop.admin().await;
    for (sku, name, price) in [
        ("85123A-255", "White hanging heart", 255),
        ("71053-339", "Lantern & more", 339),
    ] {
        let product =
            json!({"sku": sku, "name": name, "price": {"amount": price, "currency": "GBP"}});
        admin.post("/v1/products", product).await.expect(201);
        let receipt = json!({"kind": "receipt", "quantity": 1_000, "reason": "delivery"});
        let path = format!("/v1/products/{sku}/stock-movements");
        admin.post(&path, receipt).await.expect(201);
    }
    let buyer = shop.customer().await;
    let lines = [("85123A-255", 600), ("71053-339", 2)];
    let order = buyer.order("1", &lines).await.expect(201);
    // A retry is the same order, and no further mail.
    assert!(buyer.order("1", &lines).await.is_replay());

    until("the mail is sent", async || {
        states(&shop, "order_confirmation_mail").await == ["succeeded"]
    })
    .await;
    shop.check_invariants().await;
    let mails = mails(&shop, "order-confirmation");
    assert_eq!(mails.len(), 1, "{mails:#?}");
    let mail = &mails[0];
    let me = buyer.get("/v1/me").await.expect(200);
    for part in [
        &format!("To: Customer <{}>", text(&me, "email")),
        text(&order, "id"),
        "600 x White hanging heart (85123A-255)",
        "£2.55 each, £1,530.00",
        "2 x Lantern & more (71053-339)",
        "£3.39 each, £6.78",
        "Total: £1,536.78",
    ] {
        assert!(mail.contains(part), "`{part}` is missing in\n{mail}");
    }
    assert_eq!(order["total"], 153_678);
    shop.close().await;
}

fn text<'a>(body: &'a Value, member: &str) -> &'a str {
    body[member].as_str().expect(member)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancelled_order_had_its_mail_and_gets_no_other() {
    let shop = Shop::open().await;
    let admin = shop.admin().await;
    shop.product(&admin, "HEART", 255, 10).await;
    let buyer = shop.customer().await;
    let order = buyer.order("1", &[("HEART", 1)]).await.expect(201);
    let cancel = format!("/v1/orders/{}/cancel", text(&order, "id"));
    buyer
        .post(&cancel, json!({"reason": "too many hearts"}))
        .await
        .expect(200);
    buyer.order("2", &[("HEART", 2)]).await.expect(201);
    until("both mails are sent", async || {
        states(&shop, "order_confirmation_mail").await == ["succeeded", "succeeded"]
    })
    .await;
    shop.check_invariants().await;
    assert_eq!(mails(&shop, "order-confirmation").len(), 2);
    shop.close().await;
}
