//! Loyalty accounts against their entries, lots and holds.

use chassis::{Result, audit::Checked};
use sqlx::PgConnection;

use super::check;

pub(super) const BALANCE: &str = "points-balance-is-ledger";

pub(super) async fn check(tx: &mut PgConnection) -> Result<Vec<Checked>> {
    Ok(vec![
        check!(
            tx,
            BALANCE,
            "loyalty_accounts",
            r#"select count(*) as "rows!" from loyalty_accounts"#,
            r#"select customer_id::text as "key!", count(*) over () as "total!",
                      format('pending %s, available %s, held %s; by the entries %s, %s, %s',
                             coalesce(a.pending, 0), coalesce(a.available, 0), coalesce(a.held, 0),
                             coalesce(e.pending, 0), coalesce(e.available, 0), coalesce(e.held, 0)) as "detail!"
                 from loyalty_accounts a
                 full join (select customer_id,
                                   coalesce(sum(points) filter (where account = 'pending'), 0) as pending,
                                   coalesce(sum(points) filter (where account = 'available'), 0) as available,
                                   coalesce(sum(points) filter (where account = 'held'), 0) as held
                              from (select customer_id, to_account as account, points from loyalty_entries
                                     union all
                                    select customer_id, from_account, -points from loyalty_entries) sides
                             group by customer_id) e using (customer_id)
                where coalesce(a.pending, 0) <> coalesce(e.pending, 0)
                   or coalesce(a.available, 0) <> coalesce(e.available, 0)
                   or coalesce(a.held, 0) <> coalesce(e.held, 0)
                order by customer_id limit 1000"#,
        ),
        check!(
            tx,
            "points-available-is-lots",
            "loyalty_accounts",
            r#"select count(*) as "rows!" from loyalty_accounts"#,
            r#"select customer_id::text as "key!", count(*) over () as "total!",
                      format('available is %s, the lots have %s left', available, coalesce(remaining, 0)) as "detail!"
                 from loyalty_accounts
                 left join (select customer_id, sum(remaining) as remaining
                              from loyalty_lots group by customer_id) l using (customer_id)
                where available <> coalesce(remaining, 0)
                order by customer_id limit 1000"#,
        ),
        check!(
            tx,
            "points-not-negative",
            "loyalty_accounts",
            r#"select count(*) as "rows!" from loyalty_accounts"#,
            r#"select customer_id::text as "key!", count(*) over () as "total!",
                      format('pending %s, available %s, held %s', pending, available, held) as "detail!"
                 from loyalty_accounts
                where pending < 0 or available < 0 or held < 0
                order by customer_id limit 1000"#,
        ),
        check!(
            tx,
            "points-held-is-held-holds",
            "loyalty_accounts",
            r#"select count(*) as "rows!" from loyalty_accounts"#,
            r#"select customer_id::text as "key!", count(*) over () as "total!",
                      format('held is %s, the undecided holds come to %s', coalesce(held, 0), coalesce(taken, 0))
                          as "detail!"
                 from loyalty_accounts
                 full join (select h.customer_id, sum(h.points - coalesce(u.returned, 0)) as taken
                              from holds h
                              left join (select order_id, hold_no, sum(returned) as returned
                                           from loyalty_lot_uses group by order_id, hold_no) u
                                using (order_id, hold_no)
                             where h.state = 'HELD' and h.points > 0
                             group by h.customer_id) t using (customer_id)
                where coalesce(held, 0) <> coalesce(taken, 0)
                order by customer_id limit 1000"#,
        ),
        check!(
            tx,
            "lot-uses-agree",
            "holds",
            r#"select count(*) as "rows!" from holds where points > 0"#,
            r#"select format('%s/%s', order_id, hold_no) as "key!", count(*) over () as "total!",
                      format('took %s points, from lots %s', h.points, coalesce(u.points, 0)) as "detail!"
                 from holds h
                 left join (select order_id, hold_no, sum(points) as points
                              from loyalty_lot_uses group by order_id, hold_no) u using (order_id, hold_no)
                where h.points <> coalesce(u.points, 0)
                order by order_id, hold_no limit 1000"#,
        ),
    ])
}
