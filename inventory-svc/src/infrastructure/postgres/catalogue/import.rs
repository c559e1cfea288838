//! Many products at once. However long the file is, it is the same few statements.

use std::collections::BTreeMap;

use chassis::{Code, Error, Result, amqp::outbox, idempotency::Answer};
use proto::events::inventory::ProductChanged;
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use super::{super::stock_watch::note_crossings, listing, refused};
use crate::{
    application::{
        errors::faulty_file,
        ports::{Import, ImportReport},
    },
    domain::{
        Category, Crossing, Fault, ImportRow, Levels, Money, Outcome, Pieces, Planned, Product,
        ProductName, Sku, Standing,
    },
};

/// Why the stock moved.
const REASON: &str = "import";

/// Everything in one transaction, which a dry run rolls back at its end: so it meets whatever a real run would meet.
pub(super) async fn run(pool: &PgPool, import: Import) -> Result<Answer<ImportReport>> {
    let mut tx = pool.begin().await?;
    if let Some(once) = &import.once
        && let Some(answer) = once.claim(&mut tx).await?
    {
        return Ok(Answer::again(answer));
    }
    let standing = lock(&mut tx, &import.rows).await?;
    let planned = plan(import.rows, &standing, import.faults)?;
    write_products(&mut tx, &planned).await?;
    write_stock(&mut tx, &planned).await?;
    write_movements(&mut tx, &planned, import.actor).await?;
    announce(&mut tx, &planned).await?;
    note_crossings(&mut tx, &crossed(&planned)).await?;
    let report = report(&planned, import.dry_run);
    if import.dry_run {
        tx.rollback().await?;
        return Ok(Answer::first(report));
    }
    if let Some(once) = &import.once {
        once.keep(&mut tx, &report).await?;
    }
    tx.commit().await?;
    Ok(Answer::first(report))
}

/// What stands of these products. Their rows stay locked, so what is decided by them holds.
async fn lock(tx: &mut PgConnection, rows: &[ImportRow]) -> Result<BTreeMap<Sku, Standing>> {
    let skus: Vec<String> = rows.iter().map(|row| row.sku.to_string()).collect();
    let products = sqlx::query!(
        "select sku, name, price, currency, category, active, version from products
          where sku = any($1) order by sku for no key update",
        &skus
    )
    .fetch_all(&mut *tx)
    .await?;
    let stock = sqlx::query!(
        "select sku, on_hand, reserved, backorder_limit, low_threshold, low from stock
          where sku = any($1) order by sku for no key update",
        &skus
    )
    .fetch_all(&mut *tx)
    .await?;
    let mut levels: BTreeMap<String, Levels> = stock
        .into_iter()
        .map(|row| {
            let levels = Levels {
                on_hand: row.on_hand,
                reserved: row.reserved,
                backorder_limit: row.backorder_limit,
                low_threshold: row.low_threshold,
                low: row.low,
            };
            (row.sku, levels)
        })
        .collect();
    products
        .into_iter()
        .map(|row| {
            let levels = levels.remove(&row.sku).unwrap_or_default();
            let sku = Sku::parse(&row.sku).map_err(Error::internal)?;
            let product = Product {
                sku: sku.clone(),
                name: ProductName::parse(&row.name).map_err(Error::internal)?,
                price: Money::price(row.price, &row.currency).map_err(Error::internal)?,
                category: row
                    .category
                    .as_deref()
                    .map(Category::parse)
                    .transpose()
                    .map_err(Error::internal)?,
                low_threshold: levels.low_threshold.and_then(Pieces::parse),
                backorder_limit: Pieces::parse(levels.backorder_limit).unwrap_or_default(),
            };
            let standing = Standing {
                product,
                version: row.version,
                active: row.active,
                levels,
            };
            Ok((sku, standing))
        })
        .collect()
}

/// What each line comes to, by SKU; or what is wrong with all those that are at fault.
fn plan(
    rows: Vec<ImportRow>,
    standing: &BTreeMap<Sku, Standing>,
    mut faults: Vec<Fault>,
) -> Result<Vec<Planned>> {
    let mut all = Vec::with_capacity(rows.len());
    for row in rows {
        let known = standing.get(&row.sku);
        match row.plan(known) {
            Ok(planned) => all.push(planned),
            Err(wrong) => faults.extend(wrong),
        }
    }
    if !faults.is_empty() {
        return Err(faulty_file(faults));
    }
    all.sort_by(|a, b| a.product.sku.cmp(&b.product.sku));
    Ok(all)
}

async fn write_products(tx: &mut PgConnection, planned: &[Planned]) -> Result<()> {
    let changed: Vec<&Planned> = planned
        .iter()
        .filter(|planned| planned.outcome != Outcome::Unchanged)
        .collect();
    let skus: Vec<String> = column(&changed, |planned| planned.product.sku.to_string());
    let names: Vec<String> = column(&changed, |planned| planned.product.name.as_str().to_owned());
    let prices: Vec<i64> = column(&changed, |planned| planned.product.price.amount);
    let currencies: Vec<String> = column(&changed, |planned| {
        planned.product.price.currency.code().to_owned()
    });
    let categories: Vec<Option<String>> = column(&changed, |planned| category(&planned.product));
    let versions: Vec<i64> = column(&changed, |planned| planned.version);
    // A product that was not there, so that nobody could lock it, is not overwritten.
    let written = sqlx::query!(
        "insert into products as known (sku, name, price, currency, category, version)
         select * from unnest($1::text[], $2::text[], $3::bigint[], $4::text[], $5::text[], $6::bigint[])
             as t (sku, name, price, currency, category, version)
          order by sku
         on conflict (sku) do update
             set name = excluded.name, price = excluded.price, currency = excluded.currency,
                 category = excluded.category, active = true, version = excluded.version, updated_at = now()
             where known.version = excluded.version - 1",
        &skus,
        &names,
        &prices,
        &currencies,
        &categories as &[Option<String>],
        &versions,
    )
    .execute(tx)
    .await?
    .rows_affected();
    if written < changed.len() as u64 {
        return Err(Error::new(
            Code::Conflict,
            "product-exists",
            "somebody else added one of these products just now; send the file again",
        ));
    }
    Ok(())
}

async fn write_stock(tx: &mut PgConnection, planned: &[Planned]) -> Result<()> {
    let changed: Vec<&Planned> = planned
        .iter()
        .filter(|planned| planned.outcome == Outcome::Created || planned.before != planned.after)
        .collect();
    let skus: Vec<String> = column(&changed, |planned| planned.product.sku.to_string());
    let on_hand: Vec<i64> = column(&changed, |planned| planned.after.on_hand);
    let limits: Vec<i64> = column(&changed, |planned| planned.after.backorder_limit);
    let thresholds: Vec<Option<i64>> = column(&changed, |planned| planned.after.low_threshold);
    sqlx::query!(
        "insert into stock (sku, on_hand, backorder_limit, low_threshold)
         select * from unnest($1::text[], $2::bigint[], $3::bigint[], $4::bigint[])
             as t (sku, on_hand, backorder_limit, low_threshold)
          order by sku
         on conflict (sku) do update
             set on_hand = excluded.on_hand, backorder_limit = excluded.backorder_limit,
                 low_threshold = excluded.low_threshold",
        &skus,
        &on_hand,
        &limits,
        &thresholds as &[Option<i64>],
    )
    .execute(tx)
    .await
    .map_err(refused)?;
    Ok(())
}

async fn write_movements(tx: &mut PgConnection, planned: &[Planned], actor: Uuid) -> Result<()> {
    let moved: Vec<_> = planned
        .iter()
        .filter_map(|planned| Some((planned.product.sku.to_string(), planned.movement?)))
        .collect();
    let skus: Vec<String> = column(&moved, |(sku, _)| sku.clone());
    let kinds: Vec<String> = column(&moved, |(_, (kind, _))| kind.as_str().to_owned());
    let deltas: Vec<i64> = column(&moved, |(_, (_, delta))| *delta);
    sqlx::query!(
        "insert into stock_movements (sku, kind, on_hand_delta, reserved_delta, reason, actor)
         select sku, kind, delta, 0, $4, $5
           from unnest($1::text[], $2::text[], $3::bigint[]) as t (sku, kind, delta)",
        &skus,
        &kinds,
        &deltas,
        REASON,
        actor,
    )
    .execute(tx)
    .await?;
    Ok(())
}

async fn announce(tx: &mut PgConnection, planned: &[Planned]) -> Result<()> {
    let mut skus = Vec::new();
    let mut events = Vec::new();
    for planned in planned
        .iter()
        .filter(|planned| planned.outcome != Outcome::Unchanged)
    {
        let product = &planned.product;
        let changed = ProductChanged {
            sku: product.sku.to_string(),
            name: product.name.as_str().to_owned(),
            price: product.price.amount,
            currency: product.price.currency.code().to_owned(),
            category: category(product),
            active: true,
        };
        events.push(listing::event(&changed, planned.version)?);
        skus.push(changed.sku);
    }
    listing::list(tx, &skus).await?;
    outbox::append(tx, events).await
}

fn crossed(planned: &[Planned]) -> Vec<(Sku, Levels, Crossing)> {
    planned
        .iter()
        .map(|planned| {
            let mut crossing = Levels::crossed(&planned.before, &planned.after);
            if planned.outcome != Outcome::Unchanged {
                // Whether there is any was just written with the list.
                crossing.in_stock = None;
            }
            (planned.product.sku.clone(), planned.after, crossing)
        })
        .collect()
}

fn category(product: &Product) -> Option<String> {
    let category = product.category.as_ref()?;
    Some(category.as_str().to_owned())
}

fn column<T, U>(rows: &[T], value: impl Fn(&T) -> U) -> Vec<U> {
    rows.iter().map(value).collect()
}

fn report(planned: &[Planned], dry_run: bool) -> ImportReport {
    let count = |wanted: fn(&&Planned) -> bool| planned.iter().filter(wanted).count() as u64;
    ImportReport {
        dry_run,
        rows: planned.len() as u64,
        created: count(|planned| planned.outcome == Outcome::Created),
        changed: count(|planned| planned.outcome == Outcome::Changed),
        unchanged: count(|planned| planned.outcome == Outcome::Unchanged),
        movements: count(|planned| planned.movement.is_some()),
    }
}
