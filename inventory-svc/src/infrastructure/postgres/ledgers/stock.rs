//! Stock against its movements and the holds, and the holds against their movements.

use chassis::{Result, audit::Checked};
use sqlx::PgConnection;

use super::check;

pub(super) const ON_HAND: &str = "stock-on-hand-is-sum-of-movements";
pub(super) const RESERVED: &str = "stock-reserved-is-sum-of-movements";

pub(super) async fn check(tx: &mut PgConnection) -> Result<Vec<Checked>> {
    Ok(vec![
        check!(
            tx,
            ON_HAND,
            "stock",
            r#"select count(*) as "rows!" from stock"#,
            r#"select sku as "key!", count(*) over () as "total!",
                      format('on_hand is %s, the movements come to %s', on_hand, coalesce(moved, 0)) as "detail!"
                 from stock
                 left join (select sku, sum(on_hand_delta) as moved from stock_movements group by sku) m using (sku)
                where on_hand <> coalesce(moved, 0)
                order by sku limit 1000"#,
        ),
        check!(
            tx,
            RESERVED,
            "stock",
            r#"select count(*) as "rows!" from stock"#,
            r#"select sku as "key!", count(*) over () as "total!",
                      format('reserved is %s, the movements come to %s', reserved, coalesce(moved, 0)) as "detail!"
                 from stock
                 left join (select sku, sum(reserved_delta) as moved from stock_movements group by sku) m using (sku)
                where reserved <> coalesce(moved, 0)
                order by sku limit 1000"#,
        ),
        check!(
            tx,
            "stock-reserved-is-held",
            "stock",
            r#"select count(*) as "rows!" from stock"#,
            r#"select sku as "key!", count(*) over () as "total!",
                      format('reserved is %s, the holds come to %s', reserved, coalesce(held, 0)) as "detail!"
                 from stock
                 left join (select l.sku, sum(l.quantity - l.released) as held
                              from hold_lines l join holds h using (order_id, hold_no)
                             where h.state in ('HELD', 'CONFIRMED') group by l.sku) h using (sku)
                where reserved <> coalesce(held, 0)
                order by sku limit 1000"#,
        ),
        check!(
            tx,
            "stock-within-limits",
            "stock",
            r#"select count(*) as "rows!" from stock"#,
            r#"select sku as "key!", count(*) over () as "total!",
                      format('on_hand %s, reserved %s, backorder_limit %s', on_hand, reserved, backorder_limit) as "detail!"
                 from stock
                where on_hand < 0 or reserved < 0 or reserved > on_hand + backorder_limit
                order by sku limit 1000"#,
        ),
        check!(
            tx,
            "hold-lines-movements-agree",
            "hold_lines",
            r#"select count(*) as "rows!" from hold_lines"#,
            // Also a movement of a line that does not exist: hence the full join.
            r#"select format('%s/%s %s', order_id, hold_no, sku) as "key!", count(*) over () as "total!",
                      format('%s, quantity %s, released %s; by the movements reserved %s, released %s, sold %s',
                             coalesce(state, 'no such line'), coalesce(quantity, 0), coalesce(l.released, 0),
                             coalesce(m.reserved, 0), coalesce(m.released, 0), coalesce(m.sold, 0)) as "detail!"
                 from (hold_lines l join holds h using (order_id, hold_no))
                 full join (select order_id, hold_no, sku,
                                   coalesce(sum(reserved_delta) filter (where kind = 'reservation'), 0) as reserved,
                                   coalesce(-sum(reserved_delta) filter (where kind = 'release'), 0) as released,
                                   coalesce(-sum(on_hand_delta) filter (where kind = 'sale'), 0) as sold
                              from stock_movements where kind in ('reservation', 'release', 'sale')
                             group by order_id, hold_no, sku) m using (order_id, hold_no, sku)
                where l.quantity is distinct from m.reserved
                   or l.released is distinct from m.released
                   or m.sold is distinct from case when h.state = 'FULFILLED' then l.quantity - l.released else 0 end
                order by order_id, hold_no, sku limit 1000"#,
        ),
        check!(
            tx,
            "hold-overdue",
            "holds",
            r#"select count(*) as "rows!" from holds where state = 'HELD'"#,
            // The sweeper turns every second; a minute is its grace.
            r#"select format('%s/%s', order_id, hold_no) as "key!", count(*) over () as "total!",
                      format('is HELD, and was to be decided by %s', expires_at) as "detail!"
                 from holds
                where state = 'HELD' and expires_at < clock_timestamp() - interval '60 seconds'
                order by order_id, hold_no limit 1000"#,
        ),
    ])
}
