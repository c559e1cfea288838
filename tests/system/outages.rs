use std::collections::{HashMap, HashSet};

use chassis::testing::{self, Line, TcpProxy};

use crate::{
    common::{Shop, broker::Subscriber, until},
    program::Program,
    sales,
};

async fn orders(shop: &Shop) -> i64 {
    sqlx::query_scalar("select count(*) from orders")
        .fetch_one(shop.order())
        .await
        .expect("a count")
}

#[tokio::test(flavor = "multi_thread")]
async fn orders_go_on_without_rabbitmq_and_their_events_follow() {
    let shop = Shop::closed().await;
    let broker = testing::amqp_url();
    let proxy = TcpProxy::in_front_of(&broker).await;
    let program = Program::of(&shop).with("AMQP_URL", proxy.route(&broker));
    let sales = sales::write(&program, 240);
    let mut process = program.serve(&shop).await;
    let subscriber = Subscriber::open(&shop, "order.created.v1").await;

    let replay = program.replay(&shop, &sales.path, 8, &[]);
    until("a quarter is sold", async || {
        orders(&shop).await >= sales.invoices / 4
    })
    .await;
    proxy.set(Line::Cut);
    let sold = orders(&shop).await;
    assert!(sold < sales.invoices / 2, "too late: {sold}");
    // Half of all is sold meanwhile.
    until("orders go on", async || {
        orders(&shop).await >= sold + sales.invoices / 2
    })
    .await;
    proxy.set(Line::Up);

    let report = replay.report().await;
    assert_eq!(report.orders("placed_new"), sales.invoices);
    process.assert_running();
    shop.check_invariants().await;
    let invoices = usize::try_from(sales.invoices).expect("a count");
    subscriber
        .wait_for("an event for each order", |messages| {
            messages.len() >= invoices
        })
        .await;
    let mut ids: HashMap<String, HashSet<String>> = HashMap::new();
    for message in subscriber.received() {
        let event = message.event();
        ids.entry(event["subject"].to_string())
            .or_default()
            .insert(event["id"].to_string());
    }
    assert_eq!(ids.len(), invoices, "each order has an event");
    // A message whose confirmation was lost is sent again; it is the same event, so that whoever gets it knows.
    assert!(
        ids.values().all(|ids| ids.len() == 1),
        "no order was told of twice"
    );
    shop.close().await;
}
