use serde_json::Value;
use uuid::Uuid;

use crate::common::{Client, Shop};

/// On hand, reserved, available.
pub async fn levels(admin: &Client, sku: &str) -> (i64, i64, i64) {
    let stock = admin
        .get(&format!("/v1/products/{sku}/stock"))
        .await
        .expect(200);
    let level = |name: &str| stock[name].as_i64().unwrap();
    (level("on_hand"), level("reserved"), level("available"))
}

/// The state of one hold; None if there is no such hold.
pub async fn state(shop: &Shop, order_id: Uuid, hold_no: i32) -> Option<String> {
    sqlx::query_scalar("select state from holds where order_id = $1 and hold_no = $2")
        .bind(order_id)
        .bind(hold_no)
        .fetch_optional(shop.inventory())
        .await
        .unwrap()
}

/// The field of each item of a list.
pub fn column(list: &Value, field: &str) -> Vec<Value> {
    list["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| item[field].clone())
        .collect()
}

/// Checks that stock is what its movements and holds say. Holds that these tests take themselves belong to no order, so
/// the invariants of whole orders say nothing about them.
pub async fn check_stock(shop: &Shop) {
    let broken: Vec<String> = sqlx::query_scalar(
        "select s.sku from stock s
           left join (select sku, sum(on_hand_delta) as on_hand, sum(reserved_delta) as reserved
                        from stock_movements group by sku) m using (sku)
           left join (select l.sku, sum(l.quantity - l.released) as held
                        from hold_lines l join holds h using (order_id, hold_no)
                       where h.state in ('HELD', 'CONFIRMED') group by l.sku) h using (sku)
          where s.on_hand <> coalesce(m.on_hand, 0) or s.reserved <> coalesce(m.reserved, 0)
             or s.reserved <> coalesce(h.held, 0) or s.reserved > s.on_hand + s.backorder_limit",
    )
    .fetch_all(shop.inventory())
    .await
    .unwrap();
    assert_eq!(broken, Vec::<String>::new());
}

/// Checks that the list of products shows what is sold, and that what runs low was said.
pub async fn check_catalogue(shop: &Shop) {
    let broken: Vec<String> = sqlx::query_scalar(
        "with sold as (
             select sku, name, category, price, currency, version, on_hand + backorder_limit > reserved as in_stock,
                    created_at, updated_at
               from products join stock using (sku) where active
         ), listed as (select * from read_model.products), differing as (
             (select * from sold except select * from listed) union all (select * from listed except select * from sold)
         )
         select sku from differing
          union
         select sku from stock
          where low <> coalesce(greatest(on_hand + backorder_limit - reserved, 0) <= low_threshold, false)",
    )
    .fetch_all(shop.inventory())
    .await
    .unwrap();
    assert_eq!(broken, Vec::<String>::new());
}
