//! What is to be noted when the stock of a product crosses a line.

use chassis::{Result, amqp::outbox};
use chrono::Utc;
use proto::{
    cloudevents::CloudEvent,
    events::inventory::{SOURCE, STOCK_LOW, StockLow},
};
use sqlx::PgConnection;

use crate::domain::{Crossing, Levels, Sku};

/// Notes what was crossed: in `stock.low`, in the list of products, and, for those that run low now, as events. Each
/// SKU comes once, with its levels after the change. The caller holds the locks of their rows in `stock`, so that what
/// is noted is what stands.
///
/// # Errors
/// When the database is away.
pub(super) async fn note_crossings(
    tx: &mut PgConnection,
    crossed: &[(Sku, Levels, Crossing)],
) -> Result<()> {
    let crossed: Vec<_> = crossed
        .iter()
        .filter(|(_, _, crossing)| !crossing.is_none())
        .collect();
    if crossed.is_empty() {
        return Ok(());
    }
    let skus: Vec<String> = crossed.iter().map(|(sku, ..)| sku.to_string()).collect();
    let low: Vec<Option<bool>> = crossed.iter().map(|(.., crossing)| crossing.low).collect();
    let in_stock: Vec<Option<bool>> = crossed
        .iter()
        .map(|(.., crossing)| crossing.in_stock)
        .collect();
    sqlx::query!(
        "with crossed as (
             select * from unnest($1::text[], $2::bool[], $3::bool[]) as t (sku, low, in_stock)
         ), said as (
             update stock set low = crossed.low
               from crossed where stock.sku = crossed.sku and crossed.low is not null
         )
         update read_model.products as listed set in_stock = crossed.in_stock
           from crossed where listed.sku = crossed.sku and crossed.in_stock is not null",
        &skus,
        &low as &[Option<bool>],
        &in_stock as &[Option<bool>],
    )
    .execute(&mut *tx)
    .await?;
    let events = crossed
        .iter()
        .filter_map(|(sku, levels, crossing)| match crossing.low {
            Some(true) => Some((sku, levels, levels.low_threshold?)),
            Some(false) | None => None,
        })
        .map(|(sku, levels, threshold)| {
            let data = StockLow {
                sku: sku.to_string(),
                available: levels.available(),
                threshold,
            };
            Ok(CloudEvent::new(
                SOURCE,
                STOCK_LOW,
                sku,
                None,
                Utc::now(),
                &data,
            )?)
        })
        .collect::<Result<_>>()?;
    outbox::append(tx, events).await
}
