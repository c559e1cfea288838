use futures::future::join_all;

use crate::common::Shop;

#[tokio::test(flavor = "multi_thread")]
async fn an_order_is_placed_confirmed_and_shown() {
    let shop = Shop::open().await;
    let admin = shop.admin().await;
    shop.product(&admin, "85123A-255", 255, 10).await;
    let buyer = shop.customer().await;

    let order = buyer
        .order("536365", &[("85123A-255", 6)])
        .await
        .expect(201);
    assert_eq!(order["status"], "placed");
    assert_eq!(order["total"], 1530);
    assert_eq!(order["currency"], "GBP");

    shop.check_invariants().await;
    let path = format!("/v1/orders/{}", order["id"].as_str().unwrap());
    let seen = buyer.get(&path).await.expect(200);
    assert_eq!(seen["status"], "confirmed");
    assert_eq!(seen["lines"], order["lines"]);
    let stock = admin.get("/v1/products/85123A-255").await.expect(200);
    assert_eq!(stock["available"], 4);
    shop.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_buyers_of_fifty_pieces_make_fifty_orders() {
    let shop = Shop::open().await;
    let admin = shop.admin().await;
    shop.product(&admin, "HOT", 100, 50).await;
    let buyers = join_all((0..8).map(|_| shop.customer())).await;

    let answers = join_all((0..200).map(|n| {
        let buyer = buyers[n % buyers.len()].clone();
        async move {
            buyer
                .order_in_the_end(&format!("order-{n}"), &[("HOT", 1)])
                .await
        }
    }))
    .await;

    let placed = answers.iter().filter(|answer| answer.status == 201).count();
    assert_eq!(placed, 50);
    for answer in answers.into_iter().filter(|answer| answer.status != 201) {
        let problem = answer.expect_problem(409, "insufficient-stock");
        assert_eq!(problem["items"][0]["sku"], "HOT");
    }
    shop.check_invariants().await;
    shop.close().await;
}
