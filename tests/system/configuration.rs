use crate::{
    common::{Client, Shop},
    program::Program,
};

/// Starts it with one variable spoilt; what it said when it gave up.
async fn refused(shop: &Shop, name: &'static str, value: &str) -> String {
    let program = Program::of(shop).with(name, value);
    let mut process = program.run(&["serve"]);
    let status = process.end().await;
    assert_eq!(
        status.code(),
        Some(1),
        "{name}: {status}\n{}",
        process.output()
    );
    process.output()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_value_stops_the_start_and_names_its_variable() {
    let shop = Shop::closed().await;
    for (name, value) in [
        ("GATEWAY_HTTP_ADDR", "nowhere"),
        ("GATEWAY_CONFIG", "/nowhere/gateway.toml"),
        ("GATEWAY_REDIS_URL", "http://:hunter2@127.0.0.1"),
        ("GRPC_TLS_CERT", "/nowhere/at/all.pem"),
        ("IDENTITY_HTTP_ADDR", "127.0.0.1"),
        ("IDENTITY_GRPC_ADDR", "127.0.0.1:99999"),
        ("IDENTITY_ACCESS_TOKEN_SECONDS", "0"),
        ("INVENTORY_HTTP_ADDR", ""),
        ("INVENTORY_DATABASE_POOL", "many"),
        ("INVENTORY_RESERVATIONS", "sometimes"),
        ("ORDER_HTTP_ADDR", ":8083"),
        ("ORDER_HOLD_TTL_SECONDS", "0"),
        ("WORKER_POLL_MILLIS", "soon"),
        ("MAIL_FROM", "nobody"),
        ("PUBLIC_URL", "nowhere"),
        ("RATE_LIMITS", "sometimes"),
        ("MAIL_SMTP_URL", "hunter2"),
        ("AMQP_URL", "http://user:hunter2@127.0.0.1"),
        ("AMQP_NAMESPACE", "two words"),
        ("ADMIN_PASSWORD", "hunter2"),
        ("ADMIN_EMAIL", "nobody"),
        (
            "IDENTITY_DATABASE_URL",
            "mysql://root:hunter2@127.0.0.1:1/x",
        ),
        ("INVENTORY_DATABASE_URL", "hunter2"),
        (
            "ORDER_DATABASE_URL",
            "postgres://postgres:hunter2@127.0.0.1:port/x",
        ),
        ("WORKER_DATABASE_URL", ""),
    ] {
        let output = refused(&shop, name, value).await;
        assert!(output.contains(name), "{name} is not named:\n{output}");
        assert!(
            !output.contains("hunter2"),
            "{name}: a secret is shown:\n{output}"
        );
    }
    shop.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_in_use_is_named_with_its_variable() {
    let shop = Shop::closed().await;
    let _taken = std::net::TcpListener::bind(shop.configs.order.http_addr).expect("the port");
    let program = Program::of(&shop);
    let mut process = program.run(&["serve"]);
    assert_eq!(process.end().await.code(), Some(1));
    let output = process.output();
    assert!(
        output.contains(&shop.configs.order.http_addr.to_string()),
        "{output}"
    );
    assert!(
        output.contains("order-svc") && output.contains("_ADDR"),
        "{output}"
    );
    // Nothing half-started is left that would answer.
    let request = shop.visitor().request(reqwest::Method::GET, "/health/live");
    assert!(Client::try_send(request).await.is_none());
    shop.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn help_lists_every_variable() {
    let shop = Shop::closed().await;
    let program = Program::of(&shop);
    let mut process = program.run(&["--help"]);
    assert!(process.end().await.success());
    let help = process.output();
    for name in [
        "ORDER_DATABASE_URL",
        "INVENTORY_DATABASE_URL",
        "IDENTITY_DATABASE_URL",
        "WORKER_DATABASE_URL",
        "AMQP_URL",
        "AMQP_NAMESPACE",
        "GATEWAY_HTTP_ADDR",
        "GATEWAY_CONFIG",
        "GATEWAY_REDIS_URL",
        "GRPC_TLS_CERT",
        "GRPC_TLS_KEY",
        "GRPC_TLS_CA",
        "IDENTITY_HTTP_ADDR",
        "IDENTITY_GRPC_ADDR",
        "INVENTORY_HTTP_ADDR",
        "INVENTORY_GRPC_ADDR",
        "ORDER_HTTP_ADDR",
        "ORDER_GRPC_ADDR",
        "ORDER_HOLD_TTL_SECONDS",
        "WORKER_HTTP_ADDR",
        "ADMIN_EMAIL",
        "ADMIN_PASSWORD",
        "MAIL_DIR",
        "PUBLIC_URL",
        "RATE_LIMITS",
        "RUST_LOG",
    ] {
        assert!(
            help.lines()
                .any(|line| line.split_whitespace().next() == Some(name)),
            "{name} is missing:\n{help}"
        );
    }
    assert!(
        !help.contains(crate::common::shop::ADMIN_PASSWORD),
        "{help}"
    );
    shop.close().await;
}
