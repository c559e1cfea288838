//! Generated orders are like those that were placed: nothing tells them apart but that nobody can sign in as their
//! customers.

use std::collections::BTreeSet;

use serde_json::json;

use crate::{common::Shop, program::Program};

async fn run(program: &Program, arguments: &[&str]) -> String {
    let mut process = program.run(arguments);
    let status = process.end().await;
    assert!(status.success(), "{arguments:?}\n{}", process.output());
    process.output()
}

async fn assert_well(program: &Program) {
    let output = run(program, &["audit", "--settle", "0"]).await;
    assert!(output.ends_with("All is well.\n"), "{output}");
}

async fn count(shop: &Shop, what: &'static str) -> i64 {
    let pool = if what.contains("holds") || what.contains("products") {
        shop.inventory()
    } else {
        shop.order()
    };
    sqlx::query_scalar(what).fetch_one(pool).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn generated_orders_pass_the_audit_and_go_on_as_any_other() {
    let mut shop = Shop::closed().await;
    let grpc = |addr| format!("http://{addr}");
    let program = Program::of(&shop)
        .with("ORDER_GRPC_URL", grpc(shop.configs.order.grpc_addr))
        .with("INVENTORY_GRPC_URL", grpc(shop.configs.inventory.grpc_addr));
    let generate = [
        "generate",
        "--customers",
        "200",
        "--products",
        "60",
        "--orders",
    ];
    // Nobody has made their tables yet.
    let output = run(&program, &[&generate[..], &["3000"]].concat()).await;
    for word in [
        "ORDER_DATABASE_URL (127.0.0.1",
        "3,000 orders in",
        "the read models of 3,000",
    ] {
        assert!(output.contains(word), "no `{word}` in\n{output}");
    }
    assert!(!output.contains("postgres://"), "{output}");
    assert_eq!(count(&shop, "select count(*) from orders").await, 3_000);
    assert_eq!(count(&shop, "select count(*) from products").await, 60);
    assert_eq!(count(&shop, "select count(*) from outbox").await, 0);
    shop.start().await;
    assert_well(&program).await;

    // Again, while the shop is open: more orders of more products, and none of them is one that was there.
    let output = run(
        &program,
        &[&generate[..4], &["70", "--orders", "500"]].concat(),
    )
    .await;
    assert!(output.contains("the read models of 3,500"), "{output}");
    assert_eq!(
        count(&shop, "select count(*) from read_model.orders").await,
        3_500
    );
    assert_eq!(count(&shop, "select count(*) from holds").await, 3_500);
    assert_eq!(count(&shop, "select count(*) from products").await, 70);
    assert_well(&program).await;

    let admin = shop.admin().await;
    let mut statuses = BTreeSet::new();
    for status in ["confirmed", "shipped", "delivered", "cancelled"] {
        let path = format!("/v1/orders?limit=1&status={status}");
        let list = admin.get(&path).await.expect(200);
        statuses.insert(list["items"][0]["status"].as_str().unwrap().to_owned());
    }
    assert_eq!(statuses.len(), 4);
    let confirmed = admin
        .get("/v1/orders?limit=1&status=confirmed")
        .await
        .expect(200);
    let path = format!(
        "/v1/orders/{}",
        confirmed["items"][0]["id"].as_str().unwrap()
    );
    assert_eq!(admin.get(&path).await.expect(200), confirmed["items"][0]);
    for step in ["ship", "deliver"] {
        admin
            .post(&format!("{path}/{step}"), json!({}))
            .await
            .expect(200);
    }
    let line = &confirmed["items"][0]["lines"][0];
    let returned = json!({"lines": [{"sku": line["sku"], "quantity": 1}], "reason": "broken", "restock": true});
    admin
        .post(&format!("{path}/returns"), returned)
        .await
        .expect(200);
    let buyer = shop.customer().await;
    buyer.order("mine", &[("GEN-00001", 2)]).await.expect(201);
    shop.settle_orders().await;
    assert_well(&program).await;
    shop.close().await;
}
