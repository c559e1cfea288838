//! What must hold after every fault, read straight from the databases.

use std::{collections::BTreeMap, time::Instant};

use sqlx::{PgPool, Row as _};
use uuid::Uuid;

use super::shop::{PATIENCE, Shop};

/// Waits until nothing is on its way: outboxes empty, no hold past its time, views at the write model's versions, each
/// live order confirmed, and inventory-svc as far as order-svc.
pub async fn settle(shop: &Shop) {
    let started = Instant::now();
    loop {
        let pending = pending(shop).await;
        if pending.is_empty() {
            return;
        }
        assert!(
            started.elapsed() < PATIENCE,
            "not settled after {PATIENCE:?}: {pending:?}"
        );
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
}

async fn pending(shop: &Shop) -> BTreeMap<&'static str, i64> {
    let mut pending = BTreeMap::new();
    let mut count = async |name, pool: &PgPool, sql: &'static str| {
        let rows: i64 = sqlx::query_scalar(sql).fetch_one(pool).await.expect(name);
        if rows > 0 {
            pending.insert(name, rows);
        }
    };
    let unpublished = "select count(*) from outbox where published_at is null";
    count("order-svc's outbox", shop.order(), unpublished).await;
    count("inventory-svc's outbox", shop.inventory(), unpublished).await;
    count(
        "identity-svc's outbox",
        &shop.databases.identity.pool,
        unpublished,
    )
    .await;
    count(
        "undecided holds",
        shop.inventory(),
        "select count(*) from holds where state = 'HELD'",
    )
    .await;
    count(
        "unconfirmed orders",
        shop.order(),
        "select count(*) from orders where status = 'placed'",
    )
    .await;
    count(
        "stale views",
        shop.order(),
        "select count(*) from orders o left join read_model.orders v on v.order_id = o.id
          where v.version is distinct from o.version",
    )
    .await;
    count(
        "stale figures",
        shop.order(),
        "select count(*) from orders o left join read_model.order_figures v on v.order_id = o.id
          where v.version is distinct from o.version",
    )
    .await;
    let followed: Vec<(Uuid, i64)> =
        sqlx::query_as("select order_id, version from followed_orders")
            .fetch_all(shop.inventory())
            .await
            .expect("followed orders");
    let written: BTreeMap<Uuid, i64> = sqlx::query_as("select id, version from orders")
        .fetch_all(shop.order())
        .await
        .expect("orders")
        .into_iter()
        .collect();
    let followed: BTreeMap<Uuid, i64> = followed.into_iter().collect();
    let behind = written
        .iter()
        .filter(|(id, version)| followed.get(id) != Some(version))
        .count();
    if behind > 0 {
        pending.insert(
            "orders that inventory-svc has not followed",
            behind.try_into().expect("a count"),
        );
    }
    pending
}

/// Settles, then checks the invariants.
pub async fn check(shop: &Shop) {
    settle(shop).await;
    for (rule, sql) in [
        (
            "on_hand and reserved are the sums of the movements",
            "select s.sku from stock s left join stock_movements m using (sku)
              group by s.sku, s.on_hand, s.reserved
             having s.on_hand <> coalesce(sum(m.on_hand_delta), 0) or s.reserved <> coalesce(sum(m.reserved_delta), 0)",
        ),
        (
            "nothing is oversold",
            "select sku from stock where reserved < 0 or reserved > on_hand + backorder_limit",
        ),
        (
            "reserved is what live holds hold",
            "select s.sku from stock s
               left join (select l.sku, sum(l.quantity - l.released) as held
                            from hold_lines l join holds h using (order_id, hold_no)
                           where h.state in ('HELD', 'CONFIRMED') group by l.sku) held using (sku)
              where s.reserved <> coalesce(held.held, 0)",
        ),
        (
            "a code's uses are those that live",
            "select c.code from discount_codes c
               left join code_uses u on u.code = c.code and u.returned_at is null
              group by c.code, c.used having c.used <> count(u.code)",
        ),
        (
            "balances are the sums of the ledger",
            "select a.customer_id::text from loyalty_accounts a left join loyalty_entries e using (customer_id)
              group by a.customer_id, a.pending, a.available, a.held
             having a.pending <> coalesce(sum(case 'pending' when to_account then points when from_account then -points end), 0)
                 or a.available <> coalesce(sum(case 'available' when to_account then points when from_account then -points end), 0)
                 or a.held <> coalesce(sum(case 'held' when to_account then points when from_account then -points end), 0)",
        ),
        (
            "what is available lies in lots",
            "select a.customer_id::text from loyalty_accounts a left join loyalty_lots l using (customer_id)
              group by a.customer_id, a.available having a.available <> coalesce(sum(l.remaining), 0)",
        ),
    ] {
        let broken: Vec<String> =
            sqlx::query_scalar(sql).fetch_all(shop.inventory()).await.expect(rule);
        assert_eq!(broken, Vec::<String>::new(), "{rule}");
    }
    assert_eq!(
        held(shop.inventory()).await,
        wanted(shop.order()).await,
        "live holds add up to live orders"
    );
    let wrong: Vec<Uuid> = sqlx::query_scalar(
        "select o.id from orders o join read_model.orders v on v.order_id = o.id
          where v.status <> o.status or v.customer_id <> o.customer_id
             or (v.document ->> 'version')::bigint <> o.version",
    )
    .fetch_all(shop.order())
    .await
    .expect("views");
    assert_eq!(wrong, Vec::<Uuid>::new(), "the views show what was written");
    check_log(shop.order()).await;
    let sums = "select coalesce(sum(orders), 0)::bigint, coalesce(sum(revenue), 0)::bigint from";
    let counted: Vec<(i64, i64)> = sqlx::query_as(sqlx::AssertSqlSafe(format!(
        "select count(*), coalesce(sum((document ->> 'total')::bigint), 0)::bigint from read_model.orders
         union all {sums} read_model.sales_days union all {sums} read_model.customers"
    )))
    .fetch_all(shop.order())
    .await
    .expect("figures");
    assert!(
        counted.iter().all(|sums| *sums == counted[0]),
        "the figures are the sums of the orders: {counted:?}"
    );
    let doubtful: Vec<Uuid> = sqlx::query_scalar(
        "select o.id from orders o
          where not exists (select from decisions d where d.order_id = o.id and d.outcome = 'committed'
                               and d.hold_no = any(o.holds))
         union
         select d.order_id from decisions d left join orders o on o.id = d.order_id
          where d.outcome = 'committed' and (o.id is null or not d.hold_no = any(o.holds))",
    )
    .fetch_all(shop.order())
    .await
    .expect("decisions");
    assert_eq!(
        doubtful,
        Vec::<Uuid>::new(),
        "each order has its committed hold, and each committed hold its order"
    );
}

/// Each change of an order is in the log, once.
async fn check_log(order: &PgPool) {
    let broken: Vec<Uuid> = sqlx::query_scalar(
        "select o.id from orders o left join order_events e on e.order_id = o.id
          group by o.id, o.version having count(e.version) <> o.version or max(e.version) <> o.version",
    )
    .fetch_all(order)
    .await
    .expect("the log");
    assert_eq!(
        broken,
        Vec::<Uuid>::new(),
        "the log tells each version of each order"
    );
}

type Quantities = BTreeMap<(Uuid, String), i64>;

/// What inventory-svc holds for orders, by order and SKU.
async fn held(inventory: &PgPool) -> Quantities {
    quantities(
        inventory,
        "select l.order_id, l.sku, sum(l.quantity - l.released)::bigint
           from hold_lines l join holds h using (order_id, hold_no)
          where h.state = 'CONFIRMED' group by l.order_id, l.sku having sum(l.quantity - l.released) > 0",
    )
    .await
}

/// What orders that live want, by order and SKU.
async fn wanted(order: &PgPool) -> Quantities {
    quantities(
        order,
        "select l.order_id, l.sku, sum(l.quantity - l.cancelled_quantity)::bigint
           from order_lines l join orders o on o.id = l.order_id
          where o.status in ('placed', 'confirmed')
          group by l.order_id, l.sku having sum(l.quantity - l.cancelled_quantity) > 0",
    )
    .await
}

async fn quantities(pool: &PgPool, sql: &'static str) -> Quantities {
    sqlx::query(sql)
        .fetch_all(pool)
        .await
        .expect("quantities")
        .into_iter()
        .map(|row| ((row.get(0), row.get(1)), row.get(2)))
        .collect()
}
