//! The catalogue as people see it, against the products.

use chassis::{Result, audit::Checked};
use sqlx::PgConnection;

use super::check;

pub(super) const SHOWN: &str = "product-read-model-agrees";

pub(super) async fn check(tx: &mut PgConnection) -> Result<Checked> {
    Ok(check!(
        tx,
        SHOWN,
        "products",
        r#"select count(*) as "rows!" from products"#,
        r#"select sku as "key!", count(*) over () as "total!",
                  case when p.active is not true then 'is shown, but not sold'
                       when r.version is null then 'is sold, but not shown'
                       else format('is shown as of version %s with in_stock %s, and is at version %s with in_stock %s',
                                   r.version, r.in_stock, p.version, s.on_hand + s.backorder_limit > s.reserved)
                  end as "detail!"
             from (products p join stock s using (sku))
             full join read_model.products r using (sku)
            where p.active is not true and r.version is not null
               or p.active and (r.name, r.category, r.price, r.currency, r.version, r.in_stock)
                   is distinct from (p.name, p.category, p.price, p.currency, p.version,
                                     s.on_hand + s.backorder_limit > s.reserved)
            order by sku limit 1000"#,
    ))
}
