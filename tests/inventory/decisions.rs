//! Whether a hold belongs to an order: what order-svc answers.

use chassis::Code;
use proto::order::v1::{GetOrderRequest, Outcome};
use serde_json::json;
use uuid::Uuid;

use crate::common::{Shop, grpc::Orders};

#[tokio::test(flavor = "multi_thread")]
async fn a_hold_is_live_cancelled_or_closed_for_good() {
    let shop = Shop::open().await;
    let admin = shop.admin().await;
    shop.product(&admin, "A", 100, 10).await;
    let buyer = shop.customer().await;
    let orders = Orders::of(&shop);
    let mut ids = Vec::new();
    for key in ["live", "cancelled"] {
        let order = buyer.order(key, &[("A", 1)]).await.expect(201);
        ids.push(order["id"].as_str().unwrap().parse::<Uuid>().unwrap());
    }
    let (live, cancelled) = (ids[0], ids[1]);
    let cancel = format!("/v1/orders/{cancelled}/cancel");
    buyer
        .post(&cancel, json!({"reason": "no"}))
        .await
        .expect(200);
    // One that will be placed later.
    let later = order_svc::domain::order_id(buyer.id().await, "later");

    let holds = [
        (live, 1),
        (later, 1),
        (cancelled, 1),
        (live, 2),
        (Uuid::now_v7(), 1),
    ];
    for _ in 0..2 {
        let outcomes = orders.confirm_availability(&holds).await.unwrap();
        use Outcome::{Cancelled, Closed, Live};
        assert_eq!(outcomes, [Live, Closed, Cancelled, Closed, Closed]);
    }

    // An order cannot have what is closed; it takes the next.
    let order = buyer.order("later", &[("A", 1)]).await.expect(201);
    assert_eq!(order["id"], later.to_string());
    let outcomes = orders
        .confirm_availability(&[(later, 2), (later, 1)])
        .await
        .unwrap();
    assert_eq!(outcomes, [Outcome::Live, Outcome::Closed]);
    shop.check_invariants().await;
    let stock = buyer.get("/v1/products/A").await.expect(200);
    assert_eq!(stock["available"], 8);
    shop.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn order_svc_refuses_what_it_cannot_decide_and_shows_one_order() {
    let shop = Shop::open().await;
    let admin = shop.admin().await;
    shop.product(&admin, "A", 100, 10).await;
    let buyer = shop.customer().await;
    let orders = Orders::of(&shop);

    assert_eq!(orders.confirm_availability(&[]).await.unwrap(), []);
    let many: Vec<_> = (0..1_001).map(|_| (Uuid::now_v7(), 1)).collect();
    let error = orders.confirm_availability(&many).await.unwrap_err();
    assert_eq!(
        (error.code(), error.fields()[0].field.as_str()),
        (Code::Invalid, "holds")
    );
    let undecided: i64 = sqlx::query_scalar("select count(*) from decisions")
        .fetch_one(shop.order())
        .await
        .unwrap();
    assert_eq!(undecided, 0);
    assert_eq!(
        orders.confirm_availability(&many[1..]).await.unwrap(),
        [Outcome::Closed; 1_000]
    );

    let order = buyer.order("1", &[("A", 2)]).await.expect(201);
    let get = async |id: &str| {
        let order = orders
            .raw()
            .get_order(GetOrderRequest {
                order_id: id.to_owned(),
            })
            .await;
        order.map(tonic::Response::into_inner)
    };
    let id = order["id"].as_str().unwrap();
    let seen = get(id).await.unwrap();
    assert_eq!(
        (seen.id.as_str(), seen.total, seen.lines.len()),
        (id, 200, 1)
    );
    assert_eq!(
        get(&Uuid::now_v7().to_string()).await.unwrap_err().code(),
        tonic::Code::NotFound
    );
    assert_eq!(
        get("1").await.unwrap_err().code(),
        tonic::Code::InvalidArgument
    );
    shop.close().await;
}
