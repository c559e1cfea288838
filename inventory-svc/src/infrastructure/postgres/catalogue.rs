use async_trait::async_trait;
use chassis::{
    Code, Error, Result,
    amqp::outbox,
    idempotency::{Answer, Once},
};
use chrono::Utc;
use proto::{
    cloudevents::CloudEvent,
    events::inventory::{PRODUCT_CHANGED, ProductChanged, SOURCE},
};
use sqlx::{PgConnection, PgPool};

use crate::{
    application::ports::{Catalogue, ProductChange, ProductView},
    domain::{Levels, Product, Sku},
};

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
            "insert into products (sku, name, price, currency) values ($1, $2, $3, $4)
             on conflict (sku) do update
                 set name = excluded.name, price = excluded.price, currency = excluded.currency,
                     active = true, version = products.version + 1, updated_at = now()
                 where not products.active",
            product.sku.as_str(),
            product.name.as_str(),
            product.price.amount,
            product.price.currency.code(),
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
        sqlx::query!(
            "insert into stock (sku) values ($1) on conflict do nothing",
            product.sku.as_str()
        )
        .execute(&mut *tx)
        .await?;
        let view = announce(&mut tx, &product.sku).await?;
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
        let version = sqlx::query_scalar!(
            "select version from products where sku = $1 and active for no key update",
            sku.as_str()
        )
        .fetch_optional(&mut *tx)
        .await?
        .ok_or_else(unknown)?;
        if expected.is_some_and(|expected| expected != version) {
            return Err(Error::new(
                Code::VersionMismatch,
                "version-mismatch",
                format!("the product is at version {version} now; read it again"),
            ));
        }
        sqlx::query!(
            "update products
                set name = coalesce($2, name), price = coalesce($3, price), currency = coalesce($4, currency),
                    version = version + 1, updated_at = now()
              where sku = $1",
            sku.as_str(),
            change.name.as_ref().map(|name| name.as_str()),
            change.price.map(|price| price.amount),
            change.price.map(|price| price.currency.code()),
        )
        .execute(&mut *tx)
        .await?;
        let view = announce(&mut tx, sku).await?;
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
        announce(&mut tx, sku).await?;
        tx.commit().await?;
        Ok(())
    }
}

fn unknown() -> Error {
    Error::not_found("no product has this SKU")
}

/// Reads the product as it stands in this transaction, and writes its event.
async fn announce(tx: &mut PgConnection, sku: &Sku) -> Result<ProductView> {
    let row = sqlx::query!(
        "select name, price, currency, active, version, created_at, updated_at, on_hand, reserved, backorder_limit
           from products join stock using (sku) where sku = $1",
        sku.as_str()
    )
    .fetch_one(&mut *tx)
    .await?;
    let changed = ProductChanged {
        sku: sku.to_string(),
        name: row.name.clone(),
        price: row.price,
        currency: row.currency.clone(),
        active: row.active,
    };
    let event = CloudEvent::new(
        SOURCE,
        PRODUCT_CHANGED,
        sku,
        Some(row.version),
        Utc::now(),
        &changed,
    )?;
    outbox::append(tx, vec![event]).await?;
    let levels = Levels {
        on_hand: row.on_hand,
        reserved: row.reserved,
        backorder_limit: row.backorder_limit,
    };
    Ok(ProductView {
        sku: changed.sku,
        name: row.name,
        price: row.price,
        currency: row.currency,
        version: row.version,
        on_hand: levels.on_hand,
        reserved: levels.reserved,
        available: levels.available(),
        created_at: row.created_at,
        updated_at: row.updated_at,
    })
}
