use chassis::testing::{self, Line, TcpProxy};
use serde_json::json;

use crate::common::{Client, Shop, until};

async fn is_ready(client: &Client) -> bool {
    let answer = client.get("/health/ready").await;
    let ready = answer.status == 200;
    assert!(ready || answer.status == 503, "{answer:#?}");
    let word = if ready { "up" } else { "down" };
    assert_eq!(answer.body["status"], word);
    ready
}

#[tokio::test(flavor = "multi_thread")]
async fn without_rabbitmq_the_system_is_not_ready_until_it_is_back() {
    let (shop, lines) = Shop::open_on_lines(|_| {}).await;
    let visitor = shop.visitor();
    assert!(is_ready(&visitor).await);

    lines.rabbitmq.set(Line::Cut);
    until("the gateway tells of it", async || {
        !is_ready(&visitor).await
    })
    .await;
    let order_svc = Client::new(&format!("http://{}", shop.configs.order.http_addr));
    until("each service tells of it", async || {
        !is_ready(&order_svc).await
    })
    .await;
    let checks = order_svc.get("/health/ready").await.body["checks"].take();
    assert_eq!(checks["rabbitmq"], "down");
    assert_eq!(checks["consumer order-svc.order-views"], "down");
    assert_eq!(checks["postgres"], "up");
    // Not ready, but alive: nobody should restart it for that.
    order_svc.get("/health/live").await.expect(200);
    visitor.get("/health/live").await.expect(200);

    lines.rabbitmq.set(Line::Up);
    until("the system is ready again", async || {
        is_ready(&visitor).await
    })
    .await;
    shop.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_postgresql_the_system_is_not_ready_until_it_is_back() {
    let (shop, lines) = Shop::open_on_lines(|_| {}).await;
    let visitor = shop.visitor();
    lines.postgres.set(Line::Cut);
    until("the gateway tells of it", async || {
        !is_ready(&visitor).await
    })
    .await;
    let answer = visitor.get("/v1/products").await;
    assert!(answer.header("retry-after").is_some(), "{answer:#?}");
    answer.expect_problem(503, "unavailable");

    lines.postgres.set(Line::Up);
    until("the system is ready again", async || {
        is_ready(&visitor).await
    })
    .await;
    visitor.get("/v1/products").await.expect(200);
    shop.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_is_away_is_named_and_the_others_serve_on() {
    let shop = Shop::open().await;
    let admin = shop.admin().await;
    let proxy = TcpProxy::start(&shop.configs.inventory.http_addr.to_string()).await;
    let mut config = shop.configs.gateway.clone();
    config.http_addr = testing::free_addr();
    config.inventory_http_url = format!("http://{}", proxy.addr())
        .parse()
        .expect("an origin");
    let client = Client::new(&format!("http://{}", config.http_addr));
    let gateway = gateway::start(config).await.expect("a second gateway");
    until("it is ready", async || is_ready(&client).await).await;

    proxy.set(Line::Cut);
    until("it tells of it", async || !is_ready(&client).await).await;
    let checks = client.get("/health/ready").await.body["checks"].take();
    assert_eq!(checks["inventory-svc"], "down");
    assert_eq!(checks["order-svc"], "up");
    let answer = client.get("/v1/products").await;
    assert!(answer.header("retry-after").is_some(), "{answer:#?}");
    answer.expect_problem(503, "unavailable");
    let token = admin.token().expect("a token");
    let orders = client.with_token(token).get("/v1/orders").await.expect(200);
    assert_eq!(orders["items"], json!([]));
    // What was known of it stays in the document.
    let document = client.get("/openapi.json").await.expect(200);
    assert!(document["paths"].get("/v1/products").is_some());

    proxy.set(Line::Up);
    until("it is ready again", async || is_ready(&client).await).await;
    client.get("/v1/products").await.expect(200);
    gateway.stop().await;
    shop.close().await;
}
