//! A service that is killed under load: its routes say so at once, the others do not notice, and it is missed no longer than it
//! has to be.

use std::{
    collections::BTreeMap,
    sync::{
        Mutex,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
    time::{Duration, Instant},
};

use chassis::testing::{self, Line, TcpProxy};
use futures::future::join_all;

use crate::common::{Client, Shop};

/// What came of the calls of one service.
#[derive(Default)]
struct Seen(Mutex<Vec<(Instant, u16, Duration)>>);

impl Seen {
    /// Calls without a pause until `done`.
    async fn call(&self, client: &Client, path: &str, done: &AtomicBool) {
        while !done.load(SeqCst) {
            let began = Instant::now();
            let answer = client.get(path).await;
            let status = answer.status.as_u16();
            if status == 503 {
                assert!(answer.header("retry-after").is_some(), "{answer:#?}");
            }
            self.0
                .lock()
                .unwrap()
                .push((Instant::now(), status, began.elapsed()));
        }
    }

    fn between(&self, from: Instant, to: Instant) -> BTreeMap<u16, usize> {
        let mut statuses = BTreeMap::new();
        for (at, status, _) in self.0.lock().unwrap().iter() {
            if (from..to).contains(at) {
                *statuses.entry(*status).or_default() += 1;
            }
        }
        statuses
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn its_routes_answer_503_at_once_the_others_go_on_and_it_comes_back() {
    let shop = Shop::open().await;
    let admin = shop.admin().await;
    shop.product(&admin, "a", 255, 10).await;
    // A gateway of our own, whose way to inventory-svc can be cut, as when the process is killed.
    let line = TcpProxy::start(&shop.configs.inventory.http_addr.to_string()).await;
    let mut config = shop.configs.gateway.clone();
    config.http_addr = testing::free_addr();
    config.rate_limits = gateway::RateLimits::Off;
    config.inventory_http_url = format!("http://{}", line.addr()).parse().unwrap();
    let client = Client::new(&format!("http://{}", config.http_addr));
    let client = client.with_token(admin.token().expect("a token"));
    let gateway = gateway::start(config).await.expect("a gateway");

    let (killed, others, done) = (Seen::default(), Seen::default(), AtomicBool::new(false));
    let loads = join_all((0..8).map(|number| {
        let (killed, others, client, done) = (&killed, &others, &client, &done);
        async move {
            if number % 2 == 0 {
                killed.call(client, "/v1/discount-codes", done).await;
            } else {
                others.call(client, "/v1/me", done).await;
            }
        }
    }));
    let story = async {
        tokio::time::sleep(Duration::from_millis(500)).await;
        let cut = Instant::now();
        line.set(Line::Cut);
        tokio::time::sleep(Duration::from_secs(4)).await;
        let back = Instant::now();
        line.set(Line::Up);
        tokio::time::sleep(Duration::from_secs(3)).await;
        done.store(true, SeqCst);
        (cut, back, Instant::now())
    };
    let (_, (cut, back, end)) = tokio::join!(loads, story);

    let away = killed.between(cut + Duration::from_millis(200), back);
    assert_eq!(away.keys().collect::<Vec<_>>(), [&503], "{away:?}");
    let slowest = killed
        .0
        .lock()
        .unwrap()
        .iter()
        .filter(|(at, status, _)| *status == 503 && *at < back)
        .map(|(_, _, took)| *took)
        .max()
        .expect("refusals");
    assert!(slowest < Duration::from_secs(1), "{slowest:?}");
    assert_eq!(others.between(cut, end).keys().collect::<Vec<_>>(), [&200]);
    let returned = killed.between(back + Duration::from_secs(2), end);
    assert_eq!(returned.keys().collect::<Vec<_>>(), [&200], "{returned:?}");
    gateway.stop().await;
    shop.close().await;
}
