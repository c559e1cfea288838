//! `read_model.order_search`: by what an order is found. Written only when that changes, which a new status does not.

use std::collections::BTreeSet;

use chassis::Result;
use proto::events::order::OrderData;
use sqlx::PgConnection;
use uuid::Uuid;

use super::target::Schema;
use crate::application::search::{id_term, sku_term, terms};

/// Bytes of all words of an order; the database takes no more than a megabyte of them. An order of 2,000 lines of long
/// names may be found by fewer words.
const MAX_BYTES: usize = 500_000;
/// Between words that travel as one text; in none of them.
const SEPARATOR: &str = "\u{1f}";

/// The words by which an order is found, sorted by their bytes. SKUs come first where there are too many.
pub(crate) fn words(order: &OrderData) -> BTreeSet<String> {
    let code = order
        .incentive
        .as_ref()
        .and_then(|incentive| incentive.discount_code.as_deref());
    let id = std::iter::once(id_term(order.order_id));
    let whole = id.chain(order.lines.iter().map(|line| sku_term(&line.sku)));
    let parts = code
        .into_iter()
        .chain(order.lines.iter().map(|line| line.sku.as_str()))
        .chain(order.lines.iter().map(|line| line.name.as_str()))
        .flat_map(terms);
    let mut found = BTreeSet::new();
    let mut bytes = 0;
    for word in whole.chain(parts) {
        if found.contains(&word) {
            continue;
        }
        bytes += word.len() + SEPARATOR.len();
        if bytes > MAX_BYTES {
            break;
        }
        found.insert(word);
    }
    found
}

/// Whoever calls this has just written the row of each order in `orders`, so nobody else does this for one of them.
pub(super) async fn write(
    tx: &mut PgConnection,
    schema: Schema,
    orders: impl Iterator<Item = &OrderData>,
) -> Result<()> {
    let (ids, texts): (Vec<Uuid>, Vec<String>) = orders
        .map(|order| {
            let words: Vec<String> = words(order).into_iter().collect();
            (order.order_id, words.join(SEPARATOR))
        })
        .unzip();
    if ids.is_empty() {
        return Ok(());
    }
    sqlx::query(schema.sql(
        "insert into read_model.order_search as known (order_id, search)
         select told.id, told.search
           from (select id, array_to_tsvector(string_to_array(words, $3)) as search
                   from unnest($1::uuid[], $2::text[]) as t (id, words)) told
           left join read_model.order_search before on before.order_id = told.id
          where before.search is distinct from told.search
         on conflict (order_id) do update set search = excluded.search",
    ))
    .bind(ids)
    .bind(texts)
    .bind(SEPARATOR)
    .execute(tx)
    .await?;
    Ok(())
}
