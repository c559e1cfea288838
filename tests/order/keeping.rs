//! What order-svc tells of its orders for inventory-svc to compare.

use chassis::{Code, Error};
use proto::{
    events::order::{OrderData, Status},
    order::v1::ListKeepingRequest,
};
use uuid::Uuid;

use crate::common::{Shop, grpc::Orders};

#[tokio::test(flavor = "multi_thread")]
async fn orders_are_listed_page_by_page_as_their_events_tell_them() {
    let shop = Shop::open().await;
    let admin = shop.admin().await;
    shop.product(&admin, "A", 255, 10).await;
    let buyer = shop.customer().await;
    let mut ids: Vec<Uuid> = Vec::new();
    for key in ["1", "2", "3"] {
        let order = buyer.order(key, &[("A", 2)]).await.expect(201);
        ids.push(order["id"].as_str().unwrap().parse().unwrap());
    }
    ids.sort_unstable();
    shop.settle().await;
    let orders = Orders::of(&shop);
    let list = async |after: &str, limit, settle_seconds| {
        let request = ListKeepingRequest {
            after: after.to_owned(),
            limit,
            settle_seconds,
        };
        let answer = orders.raw().list_keeping(request).await;
        answer
            .map(|answer| answer.into_inner().orders)
            .map_err(Error::from)
    };

    let first = list("", 2, 0).await.unwrap();
    let second = list(&first[1].order_id, 2, 0).await.unwrap();
    assert_eq!((first.len(), second.len()), (2, 1));
    for (keeping, id) in first.iter().chain(&second).zip(&ids) {
        assert_eq!(keeping.order_id, id.to_string());
        let order: OrderData = serde_json::from_slice(&keeping.order_data).unwrap();
        assert_eq!((order.order_id, order.version), (*id, 2));
        assert_eq!((order.status, order.holds), (Status::Confirmed, vec![1]));
        assert_eq!(
            (order.lines[0].sku.as_str(), order.lines[0].quantity),
            ("A", 2)
        );
    }

    // All of them are young, but for one.
    assert_eq!(list("", 100, 600).await.unwrap().len(), 0);
    sqlx::query("update orders set updated_at = now() - interval '11 minutes' where id = $1")
        .bind(ids[1])
        .execute(shop.order())
        .await
        .unwrap();
    let old = list("", 100, 600).await.unwrap();
    assert_eq!(old.len(), 1);
    assert_eq!(old[0].order_id, ids[1].to_string());

    for (after, limit, settle, field) in [
        ("x", 1, 0, "after"),
        ("", 0, 0, "limit"),
        ("", 1_001, 0, "limit"),
        ("", 1, -1, "settle_seconds"),
    ] {
        let refused = list(after, limit, settle).await.unwrap_err();
        assert_eq!(refused.code(), Code::Invalid);
        assert_eq!(refused.fields()[0].field, field);
    }
    shop.close().await;
}
