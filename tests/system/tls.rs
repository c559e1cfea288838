//! Mutual TLS between the services.

use std::{
    fs,
    net::SocketAddr,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use chassis::{
    grpc::{self, Channel, Peers},
    tls,
};
use easyorder::{Configs, System};
use proto::ops::v1::{GetOutboxRequest, ops_service_client::OpsServiceClient};

use crate::{
    certs::{config, made},
    common::{Client, Shop, until},
    program::Program,
};

/// How often a shop looks whether its certificates have changed.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// Each service has its own certificate of this folder.
fn with_own_certificates(configs: &mut Configs, folder: &Path) {
    configs.identity.tls = config(folder, "identity-svc");
    configs.inventory.auth.tls = config(folder, "inventory-svc");
    configs.order.auth.tls = config(folder, "order-svc");
    configs.worker.auth.tls = config(folder, "worker");
    configs.gateway.auth.tls = config(folder, "gateway");
}

/// All services have the one that is good for all.
fn with_one_certificate(configs: &mut Configs, folder: &Path) {
    let one = tls::Config {
        look_every: LOOK_EVERY,
        ..config(folder, "easyorder")
    };
    configs.identity.tls = one.clone();
    configs.inventory.auth.tls = one.clone();
    configs.order.auth.tls = one.clone();
    configs.worker.auth.tls = one.clone();
    configs.gateway.auth.tls = one;
}

fn servers(shop: &Shop) -> [SocketAddr; 3] {
    [
        shop.configs.identity.grpc_addr,
        shop.configs.inventory.grpc_addr,
        shop.configs.order.grpc_addr,
    ]
}

/// Whether every service answers who has these certificates, by connections that are made for it.
async fn are_reached_with(shop: &Shop, tls: &tls::Config) -> bool {
    let auth = chassis::auth::Config {
        tls: tls.clone(),
        ..shop.configs.order.auth.clone()
    };
    for addr in servers(shop) {
        let peers = Peers::new("easyorder", &auth).unwrap();
        let channel = peers.channel(&format!("https://{addr}")).unwrap();
        let request = grpc::request(GetOutboxRequest {}, Duration::from_secs(10));
        if OpsServiceClient::new(channel)
            .get_outbox(request)
            .await
            .is_err()
        {
            return false;
        }
    }
    true
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shop_whose_services_have_certificates_works_and_lets_in_nobody_else() {
    let (certificates, others) = (made().await, made().await);
    let folder = certificates.path();
    let shop = Shop::open_with(|configs| with_own_certificates(configs, folder)).await;
    assert!(
        shop.configs
            .order
            .inventory_grpc_url
            .starts_with("https://")
    );
    let admin = shop.admin().await;
    shop.product(&admin, "SKU", 100, 10).await;
    let buyer = shop.customer().await;
    let order = buyer.order("an order", &[("SKU", 3)]).await.expect(201);
    shop.check_invariants().await;
    let path = format!("/v1/orders/{}", order["id"].as_str().unwrap());
    let seen = buyer.get(&path).await.expect(200);
    assert_eq!(seen["status"], "confirmed");

    assert!(are_reached_with(&shop, &config(folder, "easyorder")).await);
    let stranger = config(others.path(), "easyorder");
    assert!(!are_reached_with(&shop, &stranger).await);
    for addr in servers(&shop) {
        let plain = Channel::without_token(&format!("http://{addr}")).unwrap();
        let request = grpc::request(GetOutboxRequest {}, Duration::from_secs(10));
        let refused = OpsServiceClient::new(plain).get_outbox(request).await;
        // Not for want of a token.
        assert_ne!(refused.unwrap_err().code(), tonic::Code::Unauthenticated);
    }

    // Who operates the shop is let in by the same variables as its services.
    let file = |name: &str| folder.join(name).display().to_string();
    let grpc = |addr: SocketAddr| format!("https://{addr}");
    let program = Program::of(&shop)
        .with("GRPC_TLS_CERT", file("easyorder.pem"))
        .with("GRPC_TLS_KEY", file("easyorder.key"))
        .with("GRPC_TLS_CA", file("ca.pem"))
        .with("IDENTITY_GRPC_URL", grpc(shop.configs.identity.grpc_addr))
        .with("ORDER_GRPC_URL", grpc(shop.configs.order.grpc_addr))
        .with("INVENTORY_GRPC_URL", grpc(shop.configs.inventory.grpc_addr));
    let mut audit = program.run(&["audit"]);
    let status = audit.end().await;
    assert!(status.success(), "{}", audit.output());
    let plain = format!("http://{}", shop.configs.order.grpc_addr);
    let program = program.with("ORDER_GRPC_URL", plain);
    let mut audit = program.run(&["audit"]);
    assert_eq!(audit.end().await.code(), Some(2));
    assert!(audit.output().contains("ORDER_GRPC_URL"));
    shop.close().await;
}

/// Places orders one after the other until it is told to stop; how many.
async fn keep_ordering(buyer: Client, stop: Arc<AtomicBool>) -> usize {
    let mut placed = 0;
    while !stop.load(Ordering::Relaxed) {
        let key = format!("order {placed}");
        buyer.order(&key, &[("SKU", 1)]).await.expect(201);
        placed += 1;
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    placed
}

fn copy(from: &Path, to: &Path, files: &[&str]) {
    for file in files {
        fs::copy(from.join(file), to.join(file)).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_authority_is_replaced_under_a_running_shop_and_no_call_fails() {
    let (old, new) = (made().await, made().await);
    let (old, new) = (old.path(), new.path());
    let used = tempfile::tempdir().unwrap();
    let used = used.path();
    let pair = ["easyorder.key", "easyorder.pem"];
    copy(old, used, &pair);
    copy(old, used, &["ca.pem"]);
    let (shop, lines) = Shop::open_on_lines(|configs| with_one_certificate(configs, used)).await;
    let admin = shop.admin().await;
    shop.product(&admin, "SKU", 100, 100_000).await;
    let stop = Arc::new(AtomicBool::new(false));
    let ordering = tokio::spawn(keep_ordering(shop.customer().await, stop.clone()));

    let both = [old, new].map(|folder| fs::read_to_string(folder.join("ca.pem")).unwrap());
    let bundle = tempfile::tempdir().unwrap();
    let bundle = bundle.path();
    copy(new, bundle, &pair);
    fs::write(bundle.join("ca.pem"), both.concat()).unwrap();
    let (ours, theirs) = (config(old, "easyorder"), config(new, "easyorder"));
    let newcomer = config(bundle, "easyorder");

    assert!(are_reached_with(&shop, &ours).await);
    assert!(!are_reached_with(&shop, &newcomer).await);
    copy(bundle, used, &["ca.pem"]);
    let known = async || are_reached_with(&shop, &newcomer).await;
    until("the new authority is known", known).await;
    // To those as well that only call.
    tokio::time::sleep(LOOK_EVERY * 10).await;
    assert!(!are_reached_with(&shop, &theirs).await);
    copy(new, used, &pair);
    let shown = async || are_reached_with(&shop, &theirs).await;
    until("its certificates are shown", shown).await;
    tokio::time::sleep(LOOK_EVERY * 10).await;
    copy(new, used, &["ca.pem"]);
    copy(old, bundle, &pair);
    let refused = async || !are_reached_with(&shop, &newcomer).await;
    until("the old ones are refused", refused).await;

    stop.store(true, Ordering::Relaxed);
    assert!(ordering.await.unwrap() > 10);
    // Who has to connect again does so with what is in force now.
    lines.inventory.outage(LOOK_EVERY).await;
    lines.order.outage(LOOK_EVERY).await;
    let buyer = shop.customer().await;
    let order = buyer.order_in_the_end("afterwards", &[("SKU", 1)]).await;
    order.expect(201);
    shop.check_invariants().await;
    shop.close().await;
}

/// Takes an address from other configurations.
type Change = fn(&mut Configs, &Configs);

#[tokio::test(flavor = "multi_thread")]
async fn an_address_without_tls_stops_the_start_and_is_named() {
    let certificates = made().await;
    let mut shop = Shop::closed().await;
    let plain = shop.configs.clone();
    with_own_certificates(&mut shop.configs, certificates.path());
    shop.configs.wire().unwrap();
    let changes: [(&str, Change); 4] = [
        ("INVENTORY_GRPC_URL", |configs, other| {
            configs.order.inventory_grpc_url = other.order.inventory_grpc_url.clone();
        }),
        ("ORDER_GRPC_URL", |configs, other| {
            configs.inventory.order_grpc_url = other.inventory.order_grpc_url.clone();
        }),
        ("ORDER_GRPC_URL", |configs, other| {
            configs.worker.order_grpc_url = other.worker.order_grpc_url.clone();
        }),
        ("IDENTITY_GRPC_URL", |configs, other| {
            let url = other.gateway.auth.identity_grpc_url.clone();
            configs.gateway.auth.identity_grpc_url = url;
        }),
    ];
    // Either way round.
    for (configs, other) in [(&shop.configs, &plain), (&plain, &shop.configs)] {
        for (variable, change) in changes {
            let mut configs = configs.clone();
            change(&mut configs, other);
            let started = System::start_wired(configs).await;
            let refused = format!("{:#}", started.err().expect(variable));
            assert!(refused.contains(variable), "{refused}");
            assert!(refused.contains("GRPC_TLS_CERT"), "{refused}");
        }
    }
    shop.close().await;
}
