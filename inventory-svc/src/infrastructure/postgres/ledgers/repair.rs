//! Sets right what follows from ledgers. Each repair locks its rows, looks again, and writes only what ledgers that agree
//! with each other say; where two of them contradict each other, nobody knows which is right, and a person must look.

use chassis::{Error, Result, audit::Checked};
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use super::{catalogue::SHOWN, codes::USED, points::BALANCE, stock};

pub(super) async fn repair(pool: &PgPool, found: &[Checked]) -> Result<()> {
    let mut skus = keys(found, &[stock::ON_HAND, stock::RESERVED]);
    let mut tx = pool.begin().await?;
    levels(&mut tx, &skus).await?;
    tx.commit().await?;

    let mut tx = pool.begin().await?;
    uses(&mut tx, &keys(found, &[USED])).await?;
    tx.commit().await?;

    let customers = keys(found, &[BALANCE])
        .iter()
        .map(|key| key.parse().map_err(Error::internal))
        .collect::<Result<Vec<Uuid>>>()?;
    let mut tx = pool.begin().await?;
    balances(&mut tx, &customers).await?;
    tx.commit().await?;

    // What is in stock may have changed by now.
    skus.extend(keys(found, &[SHOWN]));
    let mut tx = pool.begin().await?;
    products(&mut tx, &skus).await?;
    tx.commit().await?;
    Ok(())
}

/// The rows that break one of these invariants.
fn keys(found: &[Checked], invariants: &[&str]) -> Vec<String> {
    found
        .iter()
        .filter(|checked| invariants.contains(&checked.invariant))
        .flat_map(|checked| &checked.violations)
        .map(|violation| violation.key.clone())
        .collect()
}

/// Stock from its movements, where these agree with the holds.
async fn levels(tx: &mut PgConnection, skus: &[String]) -> Result<()> {
    if skus.is_empty() {
        return Ok(());
    }
    // Whoever moves stock changes its row in the same transaction: none can be half-way now.
    sqlx::query!(
        "select sku from stock where sku = any($1) order by sku for no key update",
        skus
    )
    .fetch_all(&mut *tx)
    .await?;
    sqlx::query!(
        "with moved as (
             select sku, sum(on_hand_delta)::bigint as on_hand, sum(reserved_delta)::bigint as reserved
               from stock_movements where sku = any($1) group by sku
         ), held as (
             select l.sku, sum(l.quantity - l.released)::bigint as reserved
               from hold_lines l join holds h using (order_id, hold_no)
              where h.state in ('HELD', 'CONFIRMED') and l.sku = any($1) group by l.sku
         ), right_levels as (
             select s.sku, coalesce(m.on_hand, 0) as on_hand, coalesce(m.reserved, 0) as reserved
               from stock s left join moved m using (sku) left join held h using (sku)
              where s.sku = any($1) and coalesce(m.reserved, 0) = coalesce(h.reserved, 0)
         )
         update stock set on_hand = r.on_hand, reserved = r.reserved
           from right_levels r
          where stock.sku = r.sku and (stock.on_hand <> r.on_hand or stock.reserved <> r.reserved)
            -- Sold beyond what there is: that is no slip of these two numbers.
            and r.on_hand >= 0 and r.reserved between 0 and r.on_hand + stock.backorder_limit",
        skus
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// How often a code is used from its live uses, where these agree with the holds.
async fn uses(tx: &mut PgConnection, codes: &[String]) -> Result<()> {
    if codes.is_empty() {
        return Ok(());
    }
    sqlx::query!(
        "select code from discount_codes where code = any($1) order by code for no key update",
        codes
    )
    .fetch_all(&mut *tx)
    .await?;
    sqlx::query!(
        "with counted as (
             select c.code, count(u.code) filter (where u.returned_at is null) as live,
                    coalesce(bool_or(u.returned_at is null and h.state in ('RELEASED', 'EXPIRED')
                                  or u.returned_at is not null and h.state in ('HELD', 'CONFIRMED')), false) as doubtful
               from discount_codes c left join code_uses u using (code) left join holds h using (order_id, hold_no)
              where c.code = any($1) group by c.code
         )
         update discount_codes c set used = counted.live
           from counted
          where c.code = counted.code and c.used <> counted.live
            and not counted.doubtful and counted.live <= coalesce(c.max_uses, counted.live)",
        codes
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// Balances from the entries, where these agree with the lots and the holds.
async fn balances(tx: &mut PgConnection, customers: &[Uuid]) -> Result<()> {
    if customers.is_empty() {
        return Ok(());
    }
    // One that is missing follows from the entries, too.
    sqlx::query!(
        "insert into loyalty_accounts (customer_id)
         select distinct customer_id from loyalty_entries where customer_id = any($1)
          order by customer_id on conflict do nothing",
        customers
    )
    .execute(&mut *tx)
    .await?;
    sqlx::query!(
        "select customer_id from loyalty_accounts where customer_id = any($1) order by customer_id for no key update",
        customers
    )
    .fetch_all(&mut *tx)
    .await?;
    sqlx::query!(
        "with entered as (
             select customer_id,
                    coalesce(sum(points) filter (where account = 'pending'), 0)::bigint as pending,
                    coalesce(sum(points) filter (where account = 'available'), 0)::bigint as available,
                    coalesce(sum(points) filter (where account = 'held'), 0)::bigint as held
               from (select customer_id, to_account as account, points
                       from loyalty_entries where customer_id = any($1)
                      union all
                     select customer_id, from_account, -points
                       from loyalty_entries where customer_id = any($1)) sides
              group by customer_id
         ), lots as (
             select customer_id, sum(remaining) as remaining
               from loyalty_lots where customer_id = any($1) group by customer_id
         ), taken as (
             select h.customer_id, sum(h.points - coalesce(u.returned, 0)) as points
               from holds h
               left join (select order_id, hold_no, sum(returned) as returned
                            from loyalty_lot_uses group by order_id, hold_no) u using (order_id, hold_no)
              where h.state = 'HELD' and h.points > 0 and h.customer_id = any($1)
              group by h.customer_id
         ), right_balances as (
             select a.customer_id, coalesce(e.pending, 0) as pending, coalesce(e.available, 0) as available,
                    coalesce(e.held, 0) as held
               from loyalty_accounts a
               left join entered e using (customer_id) left join lots l using (customer_id)
               left join taken t using (customer_id)
              where a.customer_id = any($1)
                and coalesce(e.available, 0) = coalesce(l.remaining, 0)
                and coalesce(e.held, 0) = coalesce(t.points, 0)
         )
         update loyalty_accounts a set pending = r.pending, available = r.available, held = r.held
           from right_balances r
          where a.customer_id = r.customer_id and r.pending >= 0 and r.available >= 0 and r.held >= 0
            and (a.pending, a.available, a.held) is distinct from (r.pending, r.available, r.held)",
        customers
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// The catalogue as people see it, from the products.
async fn products(tx: &mut PgConnection, skus: &[String]) -> Result<()> {
    if skus.is_empty() {
        return Ok(());
    }
    sqlx::query!(
        "select sku from products where sku = any($1) order by sku for no key update",
        skus
    )
    .fetch_all(&mut *tx)
    .await?;
    sqlx::query!(
        "select sku from stock where sku = any($1) order by sku for no key update",
        skus
    )
    .fetch_all(&mut *tx)
    .await?;
    sqlx::query!(
        "delete from read_model.products r
          where r.sku = any($1) and not exists (select from products p where p.sku = r.sku and p.active)",
        skus
    )
    .execute(&mut *tx)
    .await?;
    sqlx::query!(
        "insert into read_model.products as shown
                (sku, name, category, price, currency, version, in_stock, created_at, updated_at)
         select p.sku, p.name, p.category, p.price, p.currency, p.version,
                s.on_hand + s.backorder_limit > s.reserved, p.created_at, p.updated_at
           from products p join stock s using (sku)
          where p.sku = any($1) and p.active
          order by p.sku
         on conflict (sku) do update
            set name = excluded.name, category = excluded.category, price = excluded.price,
                currency = excluded.currency, version = excluded.version, in_stock = excluded.in_stock,
                created_at = excluded.created_at, updated_at = excluded.updated_at
          where (shown.name, shown.category, shown.price, shown.currency, shown.version, shown.in_stock)
                is distinct from (excluded.name, excluded.category, excluded.price, excluded.currency,
                                  excluded.version, excluded.in_stock)",
        skus
    )
    .execute(tx)
    .await?;
    Ok(())
}
