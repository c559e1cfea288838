//! The catalogue in the database. Every transaction locks products before stock, both in the order of their SKUs; the
//! row of a product in the list belongs to who holds the lock of its stock.

use async_trait::async_trait;
use chassis::{
    Code, Error, Result,
    idempotency::{Answer, Once},
    postgres::constraint,
};
use sqlx::{PgConnection, PgPool};

use self::listing::announce;
use super::stock_watch::note_crossings;
use crate::{
    application::ports::{Catalogue, Import, ImportReport, ProductChange, ProductView},
    domain::{Levels, Pieces, Product, Sku},
};

mod import;
mod listing;

pub(super) use listing::list;

pub struct PgCatalogue {
    pool: PgPool,
}

impl PgCatalogue {
    #[must_use]
    pub fn new(pool: PgPool) -> Self {
        Self { pool }
    }
}

#[async_trait]
impl Catalogue for PgCatalogue {
    async fn create(&self, product: &Product, once: Option<&Once>) -> Result<Answer<ProductView>> {
        let mut tx = self.pool.begin().await?;
        if let Some(once) = once
            && let Some(answer) = once.claim(&mut tx).await?
        {
            return Ok(Answer::again(answer));
        }
        let written = sqlx::query!(
            "insert into products (sku, name, price, currency, category) values ($1, $2, $3, $4, $5)
             on conflict (sku) do update
                 set name = excluded.name, price = excluded.price, currency = excluded.currency,
                     category = excluded.category, active = true, version = products.version + 1, updated_at = now()
                 where not products.active",
            product.sku.as_str(),
            product.name.as_str(),
            product.price.amount,
            product.price.currency.code(),
            product.category.as_ref().map(|category| category.as_str()),
        )
        .execute(&mut *tx)
        .await?
        .rows_affected();
        if written == 0 {
            return Err(Error::new(
                Code::Conflict,
                "product-exists",
                format!(
                    "the SKU `{}` is taken; change the product with PATCH",
                    product.sku
                ),
            ));
        }
        let levels = sqlx::query_as!(
            Levels,
            "insert into stock (sku, low_threshold, backorder_limit) values ($1, $2, $3)
             on conflict (sku) do update
                 set low_threshold = excluded.low_threshold, backorder_limit = excluded.backorder_limit
             returning on_hand, reserved, backorder_limit, low_threshold, low",
            product.sku.as_str(),
            product.low_threshold.map(Pieces::get),
            product.backorder_limit.get(),
        )
        .fetch_one(&mut *tx)
        .await
        .map_err(refused)?;
        let view = announce_one(&mut tx, &product.sku).await?;
        // Whether there is any was just written with the list.
        let crossing = Levels::crossed(&levels, &levels);
        note_crossings(&mut tx, &[(product.sku.clone(), levels, crossing)]).await?;
        if let Some(once) = once {
            once.keep(&mut tx, &view).await?;
        }
        tx.commit().await?;
        Ok(Answer::first(view))
    }

    async fn change(
        &self,
        sku: &Sku,
        change: ProductChange,
        expected: Option<i64>,
    ) -> Result<ProductView> {
        let mut tx = self.pool.begin().await?;
        let row = sqlx::query!(
            "select version, on_hand, reserved, backorder_limit, low_threshold, low
               from products join stock using (sku) where sku = $1 and active for no key update",
            sku.as_str()
        )
        .fetch_optional(&mut *tx)
        .await?
        .ok_or_else(unknown)?;
        let version = row.version;
        if expected.is_some_and(|expected| expected != version) {
            return Err(Error::new(
                Code::VersionMismatch,
                "version-mismatch",
                format!("the product is at version {version} now; read it again"),
            ));
        }
        let category = change
            .category
            .as_ref()
            .and_then(|new| new.as_ref())
            .map(|new| new.as_str());
        sqlx::query!(
            "update products
                set name = coalesce($2, name), price = coalesce($3, price), currency = coalesce($4, currency),
                    category = case when $5 then $6 else category end,
                    version = version + 1, updated_at = now()
              where sku = $1",
            sku.as_str(),
            change.name.as_ref().map(|name| name.as_str()),
            change.price.map(|price| price.amount),
            change.price.map(|price| price.currency.code()),
            change.category.is_some(),
            category,
        )
        .execute(&mut *tx)
        .await?;
        let before = Levels {
            on_hand: row.on_hand,
            reserved: row.reserved,
            backorder_limit: row.backorder_limit,
            low_threshold: row.low_threshold,
            low: row.low,
        };
        let after = Levels {
            backorder_limit: change
                .backorder_limit
                .map_or(before.backorder_limit, Pieces::get),
            low_threshold: match change.low_threshold {
                Some(threshold) => threshold.map(Pieces::get),
                None => before.low_threshold,
            },
            ..before
        };
        if after != before {
            sqlx::query!(
                "update stock set low_threshold = $2, backorder_limit = $3 where sku = $1",
                sku.as_str(),
                after.low_threshold,
                after.backorder_limit,
            )
            .execute(&mut *tx)
            .await
            .map_err(refused)?;
        }
        let view = announce_one(&mut tx, sku).await?;
        let crossing = Levels::crossed(&before, &after);
        note_crossings(&mut tx, &[(sku.clone(), after, crossing)]).await?;
        tx.commit().await?;
        Ok(view)
    }

    async fn remove(&self, sku: &Sku) -> Result<()> {
        let mut tx = self.pool.begin().await?;
        let removed = sqlx::query!(
            "update products set active = false, version = version + 1, updated_at = now()
              where sku = $1 and active",
            sku.as_str()
        )
        .execute(&mut *tx)
        .await?
        .rows_affected();
        if removed == 0 {
            return Err(unknown());
        }
        sqlx::query!(
            "select from stock where sku = $1 for no key update",
            sku.as_str()
        )
        .execute(&mut *tx)
        .await?;
        announce_one(&mut tx, sku).await?;
        tx.commit().await?;
        Ok(())
    }

    async fn import(&self, import: Import) -> Result<Answer<ImportReport>> {
        import::run(&self.pool, import).await
    }
}

fn unknown() -> Error {
    Error::not_found("no product has this SKU")
}

/// The same for one product.
async fn announce_one(tx: &mut PgConnection, sku: &Sku) -> Result<ProductView> {
    let mut views = announce(tx, &[sku.to_string()]).await?;
    views
        .pop()
        .ok_or_else(|| Error::internal(anyhow::anyhow!("a product without stock")))
}

/// The database refuses a limit that is below what orders hold already.
fn refused(error: sqlx::Error) -> Error {
    match constraint(&error) {
        Some("stock_not_oversold") => Error::new(
            Code::Conflict,
            "stock-is-reserved",
            "orders hold more pieces than are on hand and this backorder_limit allows together",
        ),
        _ => error.into(),
    }
}
