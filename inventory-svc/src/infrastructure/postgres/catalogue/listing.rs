//! What a change of the catalogue makes known: the list of products, which is written in the same transaction, and an
//! event for each product.

use chassis::{Result, amqp::outbox};
use chrono::Utc;
use proto::{
    cloudevents::CloudEvent,
    events::inventory::{PRODUCT_CHANGED, ProductChanged, SOURCE},
};
use sqlx::PgConnection;

use crate::application::ports::ProductView;

/// Makes these products known as they stand in this transaction, and answers them by SKU. The caller holds the locks of
/// their rows in `products` and `stock`.
///
/// # Errors
/// When the database is away.
pub(super) async fn announce(tx: &mut PgConnection, skus: &[String]) -> Result<Vec<ProductView>> {
    list(tx, skus).await?;
    let rows = sqlx::query!(
        r#"select sku, name, category, price, currency, active, version, on_hand, reserved, low_threshold, backorder_limit,
                  greatest(on_hand + backorder_limit - reserved, 0) as "available!", created_at, updated_at
             from products join stock using (sku) where sku = any($1) order by sku"#,
        skus
    )
    .fetch_all(&mut *tx)
    .await?;
    let mut events = Vec::with_capacity(rows.len());
    let mut views = Vec::with_capacity(rows.len());
    for row in rows {
        let changed = ProductChanged {
            sku: row.sku,
            name: row.name,
            price: row.price,
            currency: row.currency,
            category: row.category,
            active: row.active,
        };
        events.push(event(&changed, row.version)?);
        views.push(ProductView {
            sku: changed.sku,
            name: changed.name,
            category: changed.category,
            price: changed.price,
            currency: changed.currency,
            version: row.version,
            on_hand: row.on_hand,
            reserved: row.reserved,
            available: row.available,
            low_threshold: row.low_threshold,
            backorder_limit: row.backorder_limit,
            created_at: row.created_at,
            updated_at: row.updated_at,
        });
    }
    outbox::append(tx, events).await?;
    Ok(views)
}

/// What the world hears of a product that changed.
pub(super) fn event(product: &ProductChanged, version: i64) -> Result<CloudEvent> {
    Ok(CloudEvent::new(
        SOURCE,
        PRODUCT_CHANGED,
        &product.sku,
        Some(version),
        Utc::now(),
        product,
    )?)
}

/// Brings these products' rows of the list to what stands. The caller holds their locks, as for [`announce`].
pub(in crate::infrastructure::postgres) async fn list(
    tx: &mut PgConnection,
    skus: &[String],
) -> Result<()> {
    sqlx::query!(
        "with removed as (
             delete from read_model.products as listed using products as known
              where listed.sku = any($1) and known.sku = listed.sku and not known.active
         )
         insert into read_model.products as listed
                (sku, name, category, price, currency, version, in_stock, created_at, updated_at)
         select sku, name, category, price, currency, version, on_hand + backorder_limit > reserved, created_at, updated_at
           from products join stock using (sku)
          where sku = any($1) and active
         on conflict (sku) do update
             set name = excluded.name, category = excluded.category, price = excluded.price,
                 currency = excluded.currency, version = excluded.version, in_stock = excluded.in_stock,
                 updated_at = excluded.updated_at",
        skus
    )
    .execute(tx)
    .await?;
    Ok(())
}
