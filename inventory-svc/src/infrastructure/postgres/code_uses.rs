//! Uses of discount codes, in the caller's transaction. A code's row is locked before its uses are counted or changed, so
//! two transactions never count past a limit together; codes are locked in their order.

use std::collections::{BTreeMap, BTreeSet};

use chassis::{Error, Result};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::domain::{Code, DiscountCode, HoldKey, HoldState, OfferedCode, Terms, TermsDraft};

/// A use that a new hold makes.
pub(super) struct CodeUse<'a> {
    pub key: HoldKey,
    pub code: &'a str,
    pub customer_id: Uuid,
    /// Minor units.
    pub discount: i64,
}

/// The codes that are asked for, by `(looked-up form, customer)`, as [`lock_codes`] and [`find_codes`] take them.
pub(super) type Asked = BTreeSet<(String, Uuid)>;

/// Locks these codes. Who is missing in the answer does not exist.
pub(super) async fn lock_codes(
    tx: &mut PgConnection,
    asked: &Asked,
) -> Result<BTreeMap<String, OfferedCode>> {
    if asked.is_empty() {
        return Ok(BTreeMap::new());
    }
    let lookups: Vec<String> = asked.iter().map(|(lookup, _)| lookup.clone()).collect();
    sqlx::query!(
        "select from discount_codes where upper(code) = any($1) order by code for no key update",
        &lookups
    )
    .fetch_all(&mut *tx)
    .await?;
    find_codes(tx, asked).await
}

/// Reads these codes, and how often each customer who asks has used them.
pub(super) async fn find_codes(
    tx: &mut PgConnection,
    asked: &Asked,
) -> Result<BTreeMap<String, OfferedCode>> {
    if asked.is_empty() {
        return Ok(BTreeMap::new());
    }
    let lookups: Vec<String> = asked.iter().map(|(lookup, _)| lookup.clone()).collect();
    let customers: Vec<Uuid> = asked.iter().map(|(_, customer)| *customer).collect();
    let mut codes = codes(&mut *tx, &lookups).await?;
    if codes
        .values()
        .all(|offered| offered.code.terms.max_uses_per_customer().is_none())
    {
        return Ok(codes);
    }
    let uses = sqlx::query!(
        r#"select upper(c.code) as "lookup!", u.customer_id, count(*) as "uses!"
             from (select distinct lookup, customer_id from unnest($1::text[], $2::uuid[]) as t (lookup, customer_id)) asked
             join discount_codes c on upper(c.code) = asked.lookup
             join code_uses u on u.code = c.code and u.customer_id = asked.customer_id and u.returned_at is null
            group by upper(c.code), u.customer_id"#,
        &lookups,
        &customers,
    )
    .fetch_all(tx)
    .await?;
    for row in uses {
        if let Some(offered) = codes.get_mut(&row.lookup) {
            offered.uses.insert(row.customer_id, row.uses);
        }
    }
    Ok(codes)
}

async fn codes(tx: &mut PgConnection, lookups: &[String]) -> Result<BTreeMap<String, OfferedCode>> {
    let rows = sqlx::query!(
        "select code, kind, value, max_discount, min_subtotal, skus, category, starts_at, ends_at, max_uses,
                max_uses_per_customer, active, used
           from discount_codes where upper(code) = any($1) and not removed",
        lookups
    )
    .fetch_all(tx)
    .await?;
    rows.into_iter()
        .map(|row| {
            // What stands in the database was acceptable once.
            let code = Code::parse(&row.code).map_err(Error::internal)?;
            let terms = Terms::parse(TermsDraft {
                kind: row.kind,
                value: row.value,
                max_discount: row.max_discount,
                min_subtotal: row.min_subtotal,
                skus: row.skus,
                category: row.category,
                starts_at: row.starts_at,
                ends_at: row.ends_at,
                max_uses: row.max_uses,
                max_uses_per_customer: row.max_uses_per_customer,
                active: row.active,
            })
            .map_err(Error::internal)?;
            let offered = OfferedCode {
                code: DiscountCode {
                    code,
                    terms,
                    used: row.used,
                },
                uses: BTreeMap::new(),
            };
            Ok((offered.code.code.lookup(), offered))
        })
        .collect()
}

/// Writes the uses of new holds. The codes are locked, and the holds are there.
pub(super) async fn use_codes(tx: &mut PgConnection, uses: &[CodeUse<'_>]) -> Result<()> {
    if uses.is_empty() {
        return Ok(());
    }
    let orders: Vec<Uuid> = uses.iter().map(|used| used.key.order_id).collect();
    let hold_nos: Vec<i32> = uses.iter().map(|used| used.key.hold_no).collect();
    let codes: Vec<String> = uses.iter().map(|used| used.code.to_owned()).collect();
    let customers: Vec<Uuid> = uses.iter().map(|used| used.customer_id).collect();
    let discounts: Vec<i64> = uses.iter().map(|used| used.discount).collect();
    sqlx::query!(
        "with used as (
             insert into code_uses (order_id, hold_no, code, customer_id, discount)
             select * from unnest($1::uuid[], $2::int[], $3::text[], $4::uuid[], $5::bigint[])
         )
         update discount_codes c set used = c.used + t.uses
           from (select code, count(*) as uses from unnest($3::text[]) as code group by code) t
          where c.code = t.code",
        &orders,
        &hold_nos,
        &codes,
        &customers,
        &discounts,
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// Gives the uses of those holds back that were given back themselves. Twice does no harm.
pub(super) async fn return_codes(
    tx: &mut PgConnection,
    entered: &[(HoldKey, HoldState)],
) -> Result<()> {
    let (orders, hold_nos): (Vec<Uuid>, Vec<i32>) = entered
        .iter()
        .filter(|(_, state)| state.is_closed())
        .map(|(key, _)| (key.order_id, key.hold_no))
        .unzip();
    if orders.is_empty() {
        return Ok(());
    }
    let codes = sqlx::query_scalar!(
        "select distinct code
           from code_uses join unnest($1::uuid[], $2::int[]) as t (order_id, hold_no) using (order_id, hold_no)
          where returned_at is null",
        &orders,
        &hold_nos,
    )
    .fetch_all(&mut *tx)
    .await?;
    if codes.is_empty() {
        return Ok(());
    }
    sqlx::query!(
        "select from discount_codes where code = any($1) order by code for no key update",
        &codes
    )
    .fetch_all(&mut *tx)
    .await?;
    sqlx::query!(
        "with back as (
             update code_uses u set returned_at = now()
               from unnest($1::uuid[], $2::int[]) as t (order_id, hold_no)
              where u.order_id = t.order_id and u.hold_no = t.hold_no and u.returned_at is null
             returning u.code
         )
         update discount_codes c set used = c.used - t.uses
           from (select code, count(*) as uses from back group by code) t
          where c.code = t.code",
        &orders,
        &hold_nos,
    )
    .execute(tx)
    .await?;
    Ok(())
}
