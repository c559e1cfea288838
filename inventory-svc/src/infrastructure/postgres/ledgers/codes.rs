//! Discount codes against their uses, and the uses against the holds.

use chassis::{Result, audit::Checked};
use sqlx::PgConnection;

use super::check;

pub(super) const USED: &str = "code-used-is-live-uses";

pub(super) async fn check(tx: &mut PgConnection) -> Result<Vec<Checked>> {
    Ok(vec![
        check!(
            tx,
            USED,
            "discount_codes",
            r#"select count(*) as "rows!" from discount_codes"#,
            r#"select code as "key!", count(*) over () as "total!",
                      format('used is %s, %s uses are live', used, coalesce(live, 0)) as "detail!"
                 from discount_codes
                 left join (select code, count(*) as live from code_uses
                             where returned_at is null group by code) u using (code)
                where used <> coalesce(live, 0)
                order by code limit 1000"#,
        ),
        check!(
            tx,
            "code-within-limit",
            "discount_codes",
            r#"select count(*) as "rows!" from discount_codes"#,
            r#"select key as "key!", count(*) over () as "total!",
                      format('%s uses are live, %s are allowed', live, allowed) as "detail!"
                 from (select c.code as key, count(*) as live, c.max_uses as allowed
                         from discount_codes c join code_uses u using (code)
                        where u.returned_at is null
                        group by c.code having count(*) > c.max_uses
                        union all
                       select format('%s of customer %s', c.code, u.customer_id), count(*), c.max_uses_per_customer
                         from discount_codes c join code_uses u using (code)
                        where u.returned_at is null
                        group by c.code, u.customer_id having count(*) > c.max_uses_per_customer) over_limit
                order by key limit 1000"#,
        ),
        check!(
            tx,
            "code-use-of-closed-hold",
            "code_uses",
            r#"select count(*) as "rows!" from code_uses"#,
            // Of goods that have left, a use may come back or not.
            r#"select format('%s/%s', order_id, hold_no) as "key!", count(*) over () as "total!",
                      format('of %s, hold %s, %s', code, state,
                             case when returned_at is null then 'not returned' else 'returned' end) as "detail!"
                 from code_uses join holds using (order_id, hold_no)
                where returned_at is null and state in ('RELEASED', 'EXPIRED')
                   or returned_at is not null and state in ('HELD', 'CONFIRMED')
                order by order_id, hold_no limit 1000"#,
        ),
    ])
}
