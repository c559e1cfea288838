//! A shop, and a list of what to spoil in its databases.

use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use super::Rows;
use crate::common::{
    Client, Shop,
    grpc::{Inventory, hold},
    until,
};

#[derive(Clone, Copy, PartialEq)]
pub enum Cure {
    Repaired,
    Left,
}
pub use Cure::{Left, Repaired};

/// Something to spoil, and what the audit must say of it.
pub struct Spoilt {
    pub pool: PgPool,
    pub sql: String,
    pub found: Vec<(&'static str, String, Cure)>,
}

pub struct Scene {
    pub shop: Shop,
    pub admin: Client,
    buyer: Client,
    inventory: Inventory,
    pub spoilt: Vec<Spoilt>,
}

impl Scene {
    pub async fn set() -> Self {
        let shop = Shop::open().await;
        Self {
            admin: shop.admin().await,
            buyer: shop.customer().await,
            inventory: Inventory::of(&shop),
            shop,
            spoilt: Vec::new(),
        }
    }

    pub async fn product(&self, sku: &str) {
        self.shop.product(&self.admin, sku, 100, 10).await;
    }

    /// An order of two pieces.
    async fn order(&self, key: &str) -> Uuid {
        let order = self.buyer.order(key, &[("KEPT", 2)]).await.expect(201);
        order["id"].as_str().unwrap().parse().unwrap()
    }

    /// A hold of so many pieces, which nobody has decided.
    async fn held(&self, sku: &str, quantity: i64) -> Uuid {
        let id = Uuid::now_v7();
        let request = hold(id, 1, &[(sku, quantity)]);
        self.inventory.reserve(request).await.unwrap();
        id
    }

    /// A hold that was given back.
    async fn released(&self) -> Uuid {
        let id = Uuid::now_v7();
        let taken = self.inventory.reserve(hold(id, 1, &[("KEPT", 1)])).await;
        let token = taken.unwrap().confirmation_token;
        self.inventory.release(id, 1, &token).await.unwrap();
        id
    }

    fn spoil_inventory(&mut self, sql: String, found: Vec<(&'static str, String, Cure)>) {
        let pool = self.shop.inventory().clone();
        self.spoilt.push(Spoilt { pool, sql, found });
    }

    fn spoil_order(&mut self, sql: String, found: Vec<(&'static str, String, Cure)>) {
        let pool = self.shop.order().clone();
        self.spoilt.push(Spoilt { pool, sql, found });
    }

    pub async fn stock(&mut self) {
        for sku in [
            "ON-HAND", "RESERVED", "CONTRA", "LIMITS", "LINE", "SHOWN", "UNSHOWN",
        ] {
            self.product(sku).await;
        }
        self.spoil_inventory(
            "update stock set on_hand = on_hand + 5 where sku = 'ON-HAND'".to_owned(),
            vec![(
                "stock-on-hand-is-sum-of-movements",
                "stock ON-HAND".to_owned(),
                Repaired,
            )],
        );
        self.spoil_inventory(
            "update stock set reserved = reserved + 1 where sku = 'RESERVED'".to_owned(),
            vec![
                (
                    "stock-reserved-is-sum-of-movements",
                    "stock RESERVED".to_owned(),
                    Repaired,
                ),
                (
                    "stock-reserved-is-held",
                    "stock RESERVED".to_owned(),
                    Repaired,
                ),
            ],
        );
        // The movements say one thing, the holds another.
        let stray = Uuid::now_v7();
        self.spoil_inventory(
            format!(
                "insert into stock_movements (sku, kind, on_hand_delta, reserved_delta, order_id, hold_no)
                 values ('CONTRA', 'reservation', 0, 2, '{stray}', 1)"
            ),
            vec![
                ("stock-reserved-is-sum-of-movements", "stock CONTRA".to_owned(), Left),
                ("hold-lines-movements-agree", format!("hold_lines {stray}/1 CONTRA"), Left),
            ],
        );
        self.held("LIMITS", 4).await;
        self.spoil_inventory(
            "alter table stock drop constraint stock_not_oversold;
             update stock set on_hand = 3 where sku = 'LIMITS';
             update read_model.products set in_stock = false where sku = 'LIMITS';
             insert into stock_movements (sku, kind, on_hand_delta, reserved_delta)
             values ('LIMITS', 'adjustment', -7, 0)"
                .to_owned(),
            vec![("stock-within-limits", "stock LIMITS".to_owned(), Left)],
        );
        let id = self.held("LINE", 2).await;
        self.spoil_inventory(
            format!("update hold_lines set quantity = 3 where order_id = '{id}'"),
            vec![
                (
                    "hold-lines-movements-agree",
                    format!("hold_lines {id}/1 LINE"),
                    Left,
                ),
                ("stock-reserved-is-held", "stock LINE".to_owned(), Left),
            ],
        );
        self.spoil_inventory(
            "update read_model.products set price = price + 1 where sku = 'SHOWN';
             delete from read_model.products where sku = 'UNSHOWN';
             insert into read_model.products (sku, name, price, currency, version, in_stock, created_at, updated_at)
             values ('UNKNOWN', 'x', 1, 'GBP', 1, true, now(), now())"
                .to_owned(),
            ["SHOWN", "UNSHOWN", "UNKNOWN"]
                .map(|sku| ("product-read-model-agrees", format!("products {sku}"), Repaired))
                .into(),
        );
    }

    pub async fn codes(&mut self) {
        let code = |code: &str, used: i64, limits: &str| {
            format!(
                "insert into discount_codes (code, kind, value, used, max_uses, max_uses_per_customer)
                 values ('{code}', 'percent', 10, {used}, {limits});"
            )
        };
        let uses = |code: &str, id: Uuid, customer: Uuid, returned: &str| {
            format!(
                "insert into code_uses (order_id, hold_no, code, customer_id, discount, returned_at)
                 values ('{id}', 1, '{code}', '{customer}', 1, {returned});"
            )
        };
        let (ann, bob) = (Uuid::now_v7(), Uuid::now_v7());
        let id = self.held("KEPT", 1).await;
        self.spoil_inventory(
            code("USED", 5, "null, null") + &uses("USED", id, ann, "null"),
            vec![(
                "code-used-is-live-uses",
                "discount_codes USED".to_owned(),
                Repaired,
            )],
        );
        let (one, two) = (self.held("KEPT", 1).await, self.held("KEPT", 1).await);
        self.spoil_inventory(
            "alter table discount_codes drop constraint discount_codes_used_within;".to_owned()
                + &code("MANY", 2, "1, null")
                + &uses("MANY", one, ann, "null")
                + &uses("MANY", two, bob, "null"),
            vec![("code-within-limit", "discount_codes MANY".to_owned(), Left)],
        );
        let (one, two) = (self.held("KEPT", 1).await, self.held("KEPT", 1).await);
        self.spoil_inventory(
            code("EACH", 2, "null, 1")
                + &uses("EACH", one, ann, "null")
                + &uses("EACH", two, ann, "null"),
            vec![(
                "code-within-limit",
                format!("discount_codes EACH of customer {ann}"),
                Left,
            )],
        );
        let (live, closed) = (self.held("KEPT", 1).await, self.released().await);
        self.spoil_inventory(
            code("CLOSED", 1, "null, null")
                + &uses("CLOSED", closed, ann, "null")
                + &uses("CLOSED", live, bob, "now()"),
            [closed, live]
                .map(|id| ("code-use-of-closed-hold", format!("code_uses {id}/1"), Left))
                .into(),
        );
        // Whether it is used twice or not at all, its uses and the holds do not agree.
        let closed = self.released().await;
        self.spoil_inventory(
            code("DOUBT", 2, "null, null") + &uses("DOUBT", closed, ann, "null"),
            vec![
                (
                    "code-use-of-closed-hold",
                    format!("code_uses {closed}/1"),
                    Left,
                ),
                (
                    "code-used-is-live-uses",
                    "discount_codes DOUBT".to_owned(),
                    Left,
                ),
            ],
        );
    }

    pub async fn points(&mut self) {
        let account = |customer: Uuid, pending: i64, available: i64, held: i64| {
            format!(
                "insert into loyalty_accounts values ('{customer}', {pending}, {available}, {held});"
            )
        };
        let entry = |customer: Uuid, from: &str, to: &str, points: i64| {
            format!(
                "insert into loyalty_entries (customer_id, from_account, to_account, points, reason)
                 values ('{customer}', '{from}', '{to}', {points}, 'test');"
            )
        };
        let lot = |customer: Uuid, points: i64, remaining: i64| {
            format!(
                "insert into loyalty_lots (customer_id, points, remaining, expires_at)
                 values ('{customer}', {points}, {remaining}, now() + interval '1 year');"
            )
        };
        let row = |customer: Uuid| format!("loyalty_accounts {customer}");

        let balance = Uuid::now_v7();
        self.spoil_inventory(
            account(balance, 100, 3, 0)
                + &entry(balance, "issued", "pending", 50)
                + &entry(balance, "issued", "available", 10)
                + &lot(balance, 10, 10),
            vec![
                ("points-balance-is-ledger", row(balance), Repaired),
                ("points-available-is-lots", row(balance), Repaired),
            ],
        );
        let missing = Uuid::now_v7();
        self.spoil_inventory(
            entry(missing, "issued", "pending", 50),
            vec![("points-balance-is-ledger", row(missing), Repaired)],
        );
        let lots = Uuid::now_v7();
        self.spoil_inventory(
            account(lots, 0, 10, 0) + &entry(lots, "issued", "available", 10) + &lot(lots, 10, 7),
            vec![("points-available-is-lots", row(lots), Left)],
        );
        // Neither the lots nor the account are what was entered: nobody knows.
        let doubt = Uuid::now_v7();
        self.spoil_inventory(
            account(doubt, 0, 9, 0) + &entry(doubt, "issued", "available", 10) + &lot(doubt, 10, 7),
            vec![
                ("points-balance-is-ledger", row(doubt), Left),
                ("points-available-is-lots", row(doubt), Left),
            ],
        );
        let negative = Uuid::now_v7();
        self.spoil_inventory(
            "alter table loyalty_accounts drop constraint loyalty_accounts_not_negative;"
                .to_owned()
                + &account(negative, 0, 5, -5)
                + &entry(negative, "held", "available", 5)
                + &lot(negative, 5, 5),
            vec![
                ("points-not-negative", row(negative), Left),
                ("points-held-is-held-holds", row(negative), Left),
            ],
        );
        let (taker, id) = (Uuid::now_v7(), self.held("KEPT", 1).await);
        self.spoil_inventory(
            account(taker, 0, 6, 4)
                + &entry(taker, "issued", "available", 10)
                + &entry(taker, "available", "held", 4)
                + &lot(taker, 10, 6)
                + &format!(
                    "update holds set points = 4, customer_id = '{taker}' where order_id = '{id}';
                     insert into loyalty_lot_uses (order_id, hold_no, lot_id, points)
                     select '{id}', 1, id, 3 from loyalty_lots where customer_id = '{taker}'"
                ),
            vec![("lot-uses-agree", format!("holds {id}/1"), Left)],
        );
    }

    pub async fn orders_here_and_there(&mut self) {
        let (forgotten, behind) = (self.order("forgotten").await, self.order("behind").await);
        let (undone, stray) = (self.order("undone").await, self.held("KEPT", 1).await);
        let second = self.order("second").await;
        self.shop.settle_orders().await;
        self.spoil_inventory(
            format!("delete from followed_orders where order_id = '{forgotten}'"),
            vec![(
                "order-not-followed",
                format!("orders {forgotten}"),
                Repaired,
            )],
        );
        let held = "state = 'HELD', expires_at = null";
        self.spoil_inventory(
            format!(
                "update followed_orders set version = 1 where order_id = '{behind}';
                 update holds set {held} where order_id = '{behind}'"
            ),
            vec![("order-not-followed", format!("orders {behind}"), Repaired)],
        );
        self.spoil_inventory(
            format!("update holds set {held} where order_id = '{undone}'"),
            vec![(
                "order-holds-are-its-lines",
                format!("orders {undone}"),
                Left,
            )],
        );
        let long_ago = "updated_at = now() - interval '30 minutes'";
        self.spoil_inventory(
            format!("update holds set state = 'CONFIRMED', {long_ago} where order_id = '{stray}'"),
            vec![("hold-without-order", format!("holds {stray}/1"), Left)],
        );
        self.spoil_inventory(
            format!(
                "insert into holds (order_id, hold_no, state, updated_at)
                 values ('{second}', 7, 'CONFIRMED', now() - interval '30 minutes')"
            ),
            vec![("hold-without-order", format!("holds {second}/7"), Left)],
        );
    }

    pub async fn orders(&mut self) {
        let (closed, ghost) = (self.order("closed").await, Uuid::now_v7());
        let (old, other) = (self.order("old").await, self.order("other").await);
        let (hidden, unknown) = (self.order("hidden").await, Uuid::now_v7());
        let refunded = self.order("refunded").await;
        self.shop.settle_orders().await;
        self.spoil_order(
            format!(
                "update decisions set outcome = 'closed' where order_id = '{closed}';
                 insert into decisions (order_id, hold_no, outcome) values ('{ghost}', 3, 'committed')"
            ),
            vec![
                ("order-committed-decision", format!("decisions {closed}/1"), Left),
                ("order-committed-decision", format!("decisions {ghost}/3"), Left),
            ],
        );
        self.spoil_order(
            format!(
                "update read_model.orders set version = 99 where order_id = '{old}';
                 update read_model.orders set document = jsonb_set(document, '{{total}}', '1') where order_id = '{other}';
                 insert into read_model.orders select '{unknown}', customer_id, status, version, placed_at, document
                   from read_model.orders where order_id = '{hidden}';
                 delete from read_model.orders where order_id = '{hidden}'"
            ),
            [old, other, hidden, unknown]
                .map(|id| ("order-read-model-agrees", format!("read_model.orders {id}"), Repaired))
                .into(),
        );
        self.spoil_order(
            format!("update orders set refunded = 5 where id = '{refunded}'"),
            vec![
                ("order-totals", format!("orders {refunded}"), Left),
                (
                    "order-read-model-agrees",
                    format!("read_model.orders {refunded}"),
                    Repaired,
                ),
                (
                    "order-figures-agree",
                    format!("read_model.order_figures {refunded}"),
                    Repaired,
                ),
                // What happened is not told anew: somebody has to find out what did.
                ("order-log-agrees", format!("order_events {refunded}"), Left),
            ],
        );
    }

    pub async fn figures(&mut self) {
        let (behind, other, missing) = (
            self.order("counted behind").await,
            self.order("counted otherwise").await,
            self.order("not counted").await,
        );
        let (found, stranger) = (self.order("found otherwise").await, Uuid::now_v7());
        self.shop.settle_orders().await;
        self.spoil_order(
            format!(
                "update read_model.order_figures set version = 1 where order_id = '{behind}';
                 update read_model.order_figures set units = units + 1 where order_id = '{other}';
                 insert into read_model.order_figures
                 select '{stranger}', version, customer_id, currency, '2020-01-01', placed_at, code, cancelled, units, gross,
                        discount, points_value, revenue, refunded, points
                   from read_model.order_figures where order_id = '{missing}';
                 delete from read_model.order_figures where order_id = '{missing}';
                 update read_model.order_search set search = 'else' where order_id = '{found}'"
            ),
            [behind, other, missing, stranger]
                .map(|id| ("order-figures-agree", format!("read_model.order_figures {id}"), Repaired))
                .into_iter()
                .chain([("order-read-model-agrees", format!("read_model.orders {found}"), Repaired)])
                .collect(),
        );
        let customer = self.buyer.id().await;
        let today = chrono::Utc::now().date_naive();
        // Of the stranger's day there is no row; by what else was spoilt today's and the customer's do not add up.
        self.spoil_order(
            "update read_model.sales_days set orders = orders + 7;
             insert into read_model.incentive_usage values ('NEVER', '2020-01-02', 'GBP', 1, 0, 1, 1, 0, 0, 1, 0, 0);
             update read_model.customers set first_order_at = first_order_at - interval '1 day'"
                .to_owned(),
            [
                "read_model.sales_days 2020-01-01 GBP".to_owned(),
                format!("read_model.sales_days {today} GBP"),
                "read_model.incentive_usage 'NEVER' 2020-01-02 GBP".to_owned(),
                format!("read_model.customers {customer} GBP"),
            ]
            .map(|row| ("order-aggregates-agree", row, Repaired))
            .into(),
        );
    }

    pub async fn logs(&mut self) {
        let (short, gap, other) = (
            self.order("told too little").await,
            self.order("told with a gap").await,
            self.order("told otherwise").await,
        );
        let stranger = Uuid::now_v7();
        self.shop.settle_orders().await;
        let cancel = format!("/v1/orders/{gap}/cancel");
        let reason = serde_json::json!({"reason": "no"});
        self.buyer.post(&cancel, reason).await.expect(200);
        self.shop.settle_orders().await;
        self.spoil_order(
            format!(
                "delete from order_events where order_id = '{short}' and version = 2;
                 delete from order_events where order_id = '{gap}' and version = 2;
                 update order_events set data = replace(convert_from(data, 'UTF8'), '\"KEPT\"', '\"LOST\"')::bytea
                  where order_id = '{other}' and version = 2;
                 insert into order_events
                 select '{stranger}', version, event_id, kind, actor, occurred_at, data
                   from order_events where order_id = '{other}'"
            ),
            [short, gap, other, stranger]
                .map(|id| ("order-log-agrees", format!("order_events {id}"), Left))
                .into(),
        );
    }

    /// Events that are in somebody's hand, as `session` is.
    pub async fn outboxes(&mut self, session: i32) {
        for (pool, seq) in [
            (self.shop.order().clone(), 900_001),
            (self.shop.inventory().clone(), 900_002),
        ] {
            self.spoilt.push(Spoilt {
                pool,
                sql: format!(
                    "insert into outbox (seq, id, kind, payload, created_at, leased_until, leased_by)
                     overriding system value
                     values ({seq}, gen_random_uuid(), 'test', '', now() - interval '30 minutes',
                             now() + interval '1 hour', {session})"
                ),
                found: vec![("outbox-stuck", format!("outbox {seq}"), Left)],
            });
        }
    }

    /// A hold past its time, which nobody can decide: its decision is just being written by `busy`.
    pub async fn overdue(&mut self, busy: &mut PgConnection) {
        let id = self.held("KEPT", 1).await;
        let decide = format!("insert into decisions values ('{id}', 1, 'committed')");
        run(&mut *busy, decide).await;
        self.spoil_inventory(
            format!(
                "update holds set expires_at = now() - interval '2 minutes' where order_id = '{id}'"
            ),
            vec![("hold-overdue", format!("holds {id}/1"), Left)],
        );
    }

    pub fn found(&self, which: impl Fn(&str, Cure) -> bool) -> Rows {
        self.spoilt
            .iter()
            .flat_map(|spoilt| &spoilt.found)
            .filter(|(invariant, _, cure)| which(invariant, *cure))
            .map(|(invariant, row, _)| ((*invariant).to_owned(), row.clone()))
            .collect()
    }
}

pub async fn run<'c>(executor: impl sqlx::PgExecutor<'c>, sql: String) {
    executor
        .execute(sqlx::raw_sql(sqlx::AssertSqlSafe(sql)))
        .await
        .expect("SQL");
}

impl Shop {
    /// Waits until nothing is on its way but holds that nobody decides.
    pub async fn settle_orders(&self) {
        let behind = async || -> i64 {
            let versions =
                "select count(*) from orders o left join read_model.orders v on v.order_id = o.id
                             where o.status = 'placed' or v.version is distinct from o.version";
            let placed: i64 = sqlx::query_scalar(versions)
                .fetch_one(self.order())
                .await
                .unwrap();
            let written: i64 =
                sqlx::query_scalar("select coalesce(sum(version), 0)::bigint from orders")
                    .fetch_one(self.order())
                    .await
                    .unwrap();
            let followed: i64 =
                sqlx::query_scalar("select coalesce(sum(version), 0)::bigint from followed_orders")
                    .fetch_one(self.inventory())
                    .await
                    .unwrap();
            let unpublished = "select count(*) from outbox where published_at is null";
            let mut waiting = placed + (written - followed);
            for pool in [self.order(), self.inventory()] {
                let count: i64 = sqlx::query_scalar(unpublished)
                    .fetch_one(pool)
                    .await
                    .unwrap();
                waiting += count;
            }
            waiting
        };
        until("nothing is on its way", async || behind().await == 0).await;
        self.show_products().await;
    }

    /// Products that were made past the catalogue are shown, too.
    pub async fn show_products(&self) {
        run(
            self.inventory(),
            "insert into read_model.products (sku, name, price, currency, version, in_stock, created_at, updated_at)
             select sku, name, price, currency, version, true, created_at, updated_at from products
             on conflict do nothing"
                .to_owned(),
        )
        .await;
    }
}
