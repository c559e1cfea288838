//! Reading one's own writes, although the read model follows by way of RabbitMQ.

use serde_json::json;

use crate::common::Shop;

#[tokio::test(flavor = "multi_thread")]
async fn who_changed_an_order_sees_the_change_at_once() {
    let shop = Shop::open().await;
    let admin = shop.admin().await;
    shop.product(&admin, "A", 255, 1_000).await;
    let buyer = shop.customer().await;

    for n in 0..50 {
        let placed = buyer.order(&n.to_string(), &[("A", 1)]).await.expect(201);
        let id = &placed["id"];
        let path = format!("/v1/orders/{}", id.as_str().unwrap());
        let seen = buyer.get(&path).await;
        let tag = seen.header("etag").unwrap().to_owned();
        let seen = seen.expect(200);
        assert_eq!(tag, format!("\"{}\"", seen["version"]));
        for field in [
            "id",
            "customer_id",
            "currency",
            "lines",
            "subtotal",
            "total",
            "placed_at",
            "incentive",
        ] {
            assert_eq!(seen[field], placed[field], "{field}");
        }
        let listed = buyer.get("/v1/orders?limit=1").await.expect(200);
        assert_eq!(&listed["items"][0]["id"], id);

        if n % 5 == 0 {
            let cancelled = buyer
                .post(&format!("{path}/cancel"), json!({"reason": "no"}))
                .await
                .expect(200);
            assert_eq!(buyer.get(&path).await.expect(200), cancelled);
            let listed = buyer.get("/v1/orders?limit=1").await.expect(200);
            assert_eq!(listed["items"][0], cancelled);
        }
    }
    shop.check_invariants().await;
    shop.close().await;
}
