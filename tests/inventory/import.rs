//! Products from a file.

use std::fmt::Write as _;

use futures::future::join_all;
use proto::inventory::v1::GetAvailabilityRequest;
use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    common::{Answer, Client, Shop, broker::Subscriber, grpc::Inventory},
    support::{check_catalogue, check_stock, column, levels},
};

#[tokio::test(flavor = "multi_thread")]
async fn a_file_adds_and_changes_products_and_books_their_count() {
    let shop = Shop::open().await;
    let admin = shop.admin().await;
    let subscriber = Subscriber::open(&shop, "inventory.#").await;
    shop.product(&admin, "OLD", 100, 10).await;
    shop.product(&admin, "SAME", 100, 5).await;
    shop.product(&admin, "GONE", 100, 3).await;
    admin.delete("/v1/products/GONE").await.expect(204);

    let file = "\u{feff}on_hand,sku,name,price,currency,category,low_threshold,backorder_limit\r\n\
        7,NEW,\"Mug, \"\"red\"\"\",255,GBP,Mugs,7,1\r\n\
        4,OLD,,300,,Old,,\r\n\
        \r\n\
        5,SAME,SAME,100,GBP,,,\r\n\
        ,GONE,back,1,EUR,,2,\r\n\
        9,MOVED,Moved,1,GBP,,,\r\n";
    let report = import(&admin, file, None).await.expect(200);
    assert_eq!(
        report,
        json!({"dry_run": false, "rows": 5, "created": 3, "changed": 1, "unchanged": 1, "movements": 3})
    );
    let new = admin.get("/v1/products/NEW").await.expect(200);
    assert_eq!(
        [
            &new["name"],
            &new["price"],
            &new["category"],
            &new["available"],
            &new["version"]
        ],
        [
            &json!("Mug, \"red\""),
            &json!({"amount": 255, "currency": "GBP"}),
            &json!("Mugs"),
            &json!(8),
            &json!(1)
        ]
    );
    assert_eq!(
        (&new["low_threshold"], &new["backorder_limit"]),
        (&json!(7), &json!(1))
    );
    let old = admin.get("/v1/products/OLD").await.expect(200);
    assert_eq!(
        [
            &old["name"],
            &old["price"]["amount"],
            &old["category"],
            &old["version"]
        ],
        [&json!("OLD"), &json!(300), &json!("Old"), &json!(2)]
    );
    let same = admin.get("/v1/products/SAME").await.expect(200);
    assert_eq!(same["version"], 1);
    let back = admin.get("/v1/products/GONE").await.expect(200);
    assert_eq!(
        (&back["name"], &back["available"]),
        (&json!("back"), &json!(3))
    );

    // The difference, by whom and why.
    let me = admin.id().await.to_string();
    for (sku, kind, delta) in [
        ("NEW", "receipt", 7),
        ("OLD", "adjustment", -6),
        ("MOVED", "receipt", 9),
    ] {
        let stock = admin
            .get(&format!("/v1/products/{sku}/stock"))
            .await
            .expect(200);
        let last = &stock["movements"]["items"][0];
        assert_eq!(
            [
                &last["kind"],
                &last["on_hand_delta"],
                &last["reason"],
                &last["actor"]
            ],
            [&json!(kind), &json!(delta), &json!("import"), &json!(me)]
        );
    }
    // A count alone changes the stock, and not the product.
    let report = import(&admin, "sku,on_hand\nMOVED,2\nNEW,6\n", None)
        .await
        .expect(200);
    assert_eq!(
        (&report["unchanged"], &report["movements"]),
        (&json!(2), &json!(2))
    );
    let moved = admin.get("/v1/products/MOVED/stock").await.expect(200);
    assert_eq!(
        column(&moved["movements"], "kind"),
        ["adjustment", "receipt"]
    );
    check_stock(&shop).await;
    check_catalogue(&shop).await;

    let kind = "inventory.stock_low.v1";
    subscriber
        .wait_for("NEW runs low", |all| {
            all.iter().any(|message| message.routing_key == kind)
        })
        .await;
    let changed: Vec<Value> = subscriber
        .received()
        .iter()
        .filter(|message| message.routing_key == "inventory.product_changed.v1")
        .skip(4)
        .map(|message| message.event()["subject"].clone())
        .collect();
    assert_eq!(changed, ["GONE", "MOVED", "NEW", "OLD"]);
    shop.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_bad_line_is_named_and_nothing_is_written() {
    let shop = Shop::open().await;
    let admin = shop.admin().await;
    shop.product(&admin, "A", 100, 10).await;
    let buyer = shop.customer().await;
    buyer.order("1", &[("A", 4)]).await.expect(201);
    shop.settle().await;
    let before = admin.get("/v1/products/A").await.expect(200);

    let file = "sku,name,price,currency,on_hand,backorder_limit\n\
        GOOD,Good,1,GBP,1,\n\
        A,,,,3,0\n\
        \n\
        B,B,x,gbp,-1,\n\
        B,B,1,GBP,,\n\
        C,,1,,,\n\
        D,D,1\n\
        a b,D,1,GBP,,\n";
    let expected = [
        ("lines[3].on_hand", "orders hold 4 pieces"),
        ("lines[5].price", "minor units"),
        ("lines[5].currency", "ISO 4217"),
        ("lines[5].on_hand", "1,000,000,000"),
        ("lines[6].sku", "line 5"),
        ("lines[7].name", "a new product needs it"),
        ("lines[7].currency", "a new product needs it"),
        ("lines[8]", "3 cells"),
        ("lines[9].sku", "1 to 64"),
    ];
    for dry_run in ["true", "false"] {
        let query = format!("?dry_run={dry_run}");
        let problem = send(&admin, &query, file, None)
            .await
            .expect_problem(422, "validation");
        let errors = problem["errors"].as_array().unwrap();
        let fields: Vec<_> = errors.iter().map(|error| &error["field"]).collect();
        assert_eq!(fields, expected.map(|(field, _)| field), "{problem:#}");
        for (error, (_, detail)) in errors.iter().zip(expected) {
            assert!(
                error["detail"].as_str().unwrap().contains(detail),
                "{error}"
            );
        }
    }
    assert_eq!(admin.get("/v1/products/A").await.expect(200), before);
    assert_eq!(levels(&admin, "A").await, (10, 4, 6));
    admin
        .get("/v1/products/GOOD")
        .await
        .expect_problem(404, "not-found");

    for (file, field) in [
        ("", "lines[1]"),
        ("name\nx\n", "lines[1]"),
        ("sku,colour\nA,red\n", "lines[1]"),
    ] {
        import(&admin, file, None).await.expect_field(field);
    }
    let latin = admin
        .request(Method::POST, "/v1/products/import")
        .body(b"sku,name\nA,a\nB,caf\xe9\n".to_vec());
    Client::send(latin).await.expect_field("lines[3]");
    send(&admin, "?dry_run=maybe", "sku\n", None)
        .await
        .expect_field("dry_run");
    let json = admin
        .request(Method::POST, "/v1/products/import")
        .json(&json!({"sku": "A"}));
    Client::send(json)
        .await
        .expect_problem(415, "unsupported-media-type");

    // So many that nobody reads them all.
    let mut file = "sku,price\n".to_owned();
    for n in 0..1_500 {
        writeln!(file, "S{n},x").unwrap();
    }
    let problem = import(&admin, &file, None)
        .await
        .expect_problem(422, "validation");
    assert_eq!(problem["errors"].as_array().unwrap().len(), 1_000);
    assert_eq!(problem["errors"][999]["field"], "lines[1001].price");
    assert_eq!(problem["more_errors"], 500);
    assert!(problem["detail"].as_str().unwrap().len() < 500);
    shop.check_invariants().await;
    shop.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dry_run_says_what_would_be_done_and_does_nothing() {
    let shop = Shop::open().await;
    let admin = shop.admin().await;
    shop.product(&admin, "A", 100, 10).await;
    let file = "sku,name,price,currency,on_hand,low_threshold\nA,,,,2,5\nB,B,1,GBP,1,\n";
    shop.settle().await;
    let subscriber = Subscriber::open(&shop, "inventory.#").await;
    let counts = json!({"rows": 2, "created": 1, "changed": 1, "unchanged": 0, "movements": 2});
    let report = |dry_run: bool| {
        let mut report = counts.clone();
        report["dry_run"] = json!(dry_run);
        report
    };
    for _ in 0..2 {
        let answer = send(&admin, "?dry_run=true", file, Some("1")).await;
        assert!(!answer.is_replay());
        assert_eq!(answer.expect(200), report(true));
    }
    assert_eq!(levels(&admin, "A").await, (10, 0, 10));
    admin
        .get("/v1/products/B")
        .await
        .expect_problem(404, "not-found");
    shop.settle().await;
    assert_eq!(subscriber.received().len(), 0);
    // It does not use up the key either.
    let answer = send(&admin, "?dry_run=false", file, Some("1")).await;
    assert_eq!(answer.expect(200), report(false));
    assert_eq!(levels(&admin, "A").await, (2, 0, 2));
    check_stock(&shop).await;
    check_catalogue(&shop).await;
    shop.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_is_imported_once_by_one_key() {
    let shop = Shop::open().await;
    let admin = shop.admin().await;
    let file = "sku,name,price,currency,on_hand\nA,A,1,GBP,5\n";
    let first = import(&admin, file, Some("1")).await;
    assert!(!first.is_replay());
    let first = first.expect(200);
    let down = json!({"kind": "adjustment", "quantity": -4, "reason": "sold"});
    admin
        .post("/v1/products/A/stock-movements", down)
        .await
        .expect(201);
    let again = import(&admin, file, Some("1")).await;
    assert!(again.is_replay());
    assert_eq!(again.expect(200), first);
    assert_eq!(levels(&admin, "A").await, (1, 0, 1));
    import(&admin, "sku,on_hand\nA,6\n", Some("1"))
        .await
        .expect_problem(422, "idempotency-key-reused");
    // A failure is not kept.
    let later = "sku,on_hand\nB,6\n";
    import(&admin, later, Some("2"))
        .await
        .expect_problem(422, "validation");
    shop.product(&admin, "B", 1, 0).await;
    import(&admin, later, Some("2")).await.expect(200);
    assert_eq!(levels(&admin, "B").await, (6, 0, 6));
    shop.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_count_of_stock_needs_the_permission_for_stock() {
    let shop = Shop::open().await;
    let admin = shop.admin().await;
    let role = json!({"name": "editor", "permissions": ["catalogue:manage"]});
    admin.post("/v1/roles", role).await.expect(201);
    let editor = shop.customer().await;
    let path = format!("/v1/users/{}/roles", editor.id().await);
    let roles = json!({"roles": ["editor"]});
    admin.put(&path, roles).await.expect(200);

    let file = "sku,name,price,currency,low_threshold\nA,A,1,GBP,5\n";
    let counted = "sku,on_hand\nA,\n";
    import(&editor, file, None).await.expect(200);
    import(&editor, counted, None)
        .await
        .expect_problem(403, "forbidden");
    import(&shop.customer().await, file, None)
        .await
        .expect_problem(403, "forbidden");
    import(&admin, counted, None).await.expect(200);
    shop.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_file_passes_and_one_that_is_too_long_does_not() {
    let shop = Shop::open().await;
    let admin = shop.admin().await;
    // Longer than what the gateway lets pass elsewhere.
    let name = "\u{e9}".repeat(200);
    let mut file = "sku,name,price,currency,on_hand\n".to_owned();
    for n in 0..6_000 {
        writeln!(file, "S-{n:05},{name},{n},GBP,{n}").unwrap();
    }
    assert!(file.len() > 2 * 1024 * 1024);
    let report = import(&admin, &file, None).await.expect(200);
    assert_eq!(
        (&report["created"], &report["movements"]),
        (&json!(6_000), &json!(5_999))
    );
    check_catalogue(&shop).await;
    check_stock(&shop).await;

    // All of them at once, as another service asks.
    let mut skus: Vec<String> = (0..6_000).map(|n| format!("S-{n:05}")).collect();
    skus.push("unknown".to_owned());
    let answer = Inventory::of(&shop)
        .raw()
        .get_availability(GetAvailabilityRequest { skus })
        .await
        .unwrap()
        .into_inner();
    assert_eq!(answer.items.len(), 6_000);
    for (item, n) in answer.items.iter().zip(0..) {
        assert_eq!(item.sku, format!("S-{n:05}"));
        assert_eq!((item.on_hand, item.available, item.unit_price), (n, n, n));
    }

    let rows = "sku\n".to_owned() + &"A\n".repeat(50_001);
    import(&admin, &rows, None)
        .await
        .expect_problem(413, "payload-too-large");
    let bytes = "sku\n".to_owned() + &"\n".repeat(10 * 1024 * 1024);
    import(&admin, &bytes, None)
        .await
        .expect_problem(413, "payload-too-large");
    shop.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn imports_and_orders_at_once_add_up() {
    let shop = Shop::open().await;
    let admin = shop.admin().await;
    for sku in ["A", "B"] {
        shop.product(&admin, sku, 100, 100).await;
    }
    let buyer = shop.customer().await;
    let imports = join_all((0..8).map(|n| {
        let admin = admin.clone();
        async move {
            // Two new products, which one import adds, and the others then find or meet.
            let file = format!(
                "sku,name,price,currency,on_hand\nB,,,,{}\nNEW1,N,1,GBP,{n}\nA,A {n},,,{}\nNEW2,N,1,GBP,3\n",
                100 + n,
                200 - n
            );
            let answer = import(&admin, &file, None).await;
            assert!(
                answer.status == 200 || answer.status == 409,
                "{:#}",
                answer.body
            );
            answer.status == 200
        }
    }));
    let orders = join_all((0..20).map(|n| {
        let buyer = buyer.clone();
        async move {
            buyer
                .order_in_the_end(&n.to_string(), &[("A", 1), ("B", 1)])
                .await
                .expect(201)
        }
    }));
    let (imported, _) = tokio::join!(imports, orders);
    assert!(imported.iter().any(|done| *done));
    shop.check_invariants().await;
    assert_eq!(levels(&admin, "A").await.1, 20);
    assert_eq!(levels(&admin, "NEW2").await, (3, 0, 3));
    shop.close().await;
}

async fn import(client: &Client, file: &str, key: Option<&str>) -> Answer {
    send(client, "", file, key).await
}

async fn send(client: &Client, query: &str, file: &str, key: Option<&str>) -> Answer {
    // Who is refused in the middle of a long file may meet a closed connection before the answer.
    for _ in 0..5 {
        let mut request = client
            .request(Method::POST, &format!("/v1/products/import{query}"))
            .header("content-type", "text/csv; charset=utf-8")
            .body(file.to_owned());
        if let Some(key) = key {
            request = request.header("idempotency-key", key);
        }
        if let Some(answer) = Client::try_send(request).await {
            return answer;
        }
    }
    panic!("no answer");
}
